//! A run's network for other tools: J + M, maps and parameters in one file.
//!
//! The dynamics are `τ dI/dt = −I + h + W·φ(I)` with `φ(x) = √x` for x > 0, in Euler steps of Δt; `bump_current` is
//! the current of the idealized bump centred on position 0, by ring displacement, from which measurements start.

mod mat;

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::Path;

use npyz::zip::{ZipWriter, write::FileOptions};
use safetensors::tensor::{Dtype, TensorView};

use crate::error::{Error, Result};
use crate::files::npy;
use crate::records::RunDirectory;

/// File formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// NumPy's archive of arrays
    Npz,
    /// The safetensors format of machine learning libraries
    Safetensors,
    /// MATLAB and Octave, MAT-file level 5
    Mat,
}

impl Format {
    /// Of files in this format.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Npz => "npz",
            Format::Safetensors => "safetensors",
            Format::Mat => "mat",
        }
    }
}

impl Format {
    /// Whether bytes from the beginning and the end of a file are those of an exported network.
    pub fn recognises(self, bytes: &[u8]) -> bool {
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let begins: &[u8] = match self {
            Format::Npz => b"PK",
            Format::Safetensors => b"",
            Format::Mat => b"MATLAB 5.0 MAT-file, flatscape",
        };
        bytes.starts_with(begins) && has(b"flatscape ") && has(b"bump_current")
    }
}

/// The network of a run.
pub struct Exported {
    /// W = J + M `[neurons, neurons]`, row by row (Hz).
    weights: Vec<f64>,
    /// Position of neuron i in map l `[maps, neurons]`, row by row (neuron units).
    maps: Vec<i32>,
    /// I of the idealized bump centred on position 0 `[neurons]`, by ring displacement (Hz²).
    bump_current: Vec<f64>,
    /// Names and values of the parameters.
    parameters: [(&'static str, f64); 6],
    /// Program, and identity of the run.
    origin: String,
}

/// One array of the file, C-ordered.
struct Array<'a> {
    name: &'static str,
    shape: Vec<usize>,
    values: Values<'a>,
}

enum Values<'a> {
    Real(&'a [f64]),
    Whole(&'a [i32]),
}

impl Exported {
    /// Takes the network of a run directory, checked against its manifest.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file that is damaged or missing.
    pub fn read(path: &Path) -> Result<Self> {
        let (directory, manifest) = RunDirectory::open(path)?;
        let plan = directory.read_plan()?;
        let network = plan.network(0)?;
        let n = plan.neurons;
        let square = |name: &str| {
            let (shape, values) = directory.read_array::<f64>(name)?;
            if shape == [n, n] {
                return Ok(values);
            }
            let what = format!("has shape {shape:?}, not [{n}, {n}] as config.toml says; run the job again");
            Err(Error::data(&path.join(name), what))
        };
        let mut weights = square("weights_base.npy")?;
        for (w, m) in weights.iter_mut().zip(square("weights_delta.npy")?) {
            *w += m;
        }
        let dynamics = &plan.config.dynamics;
        Ok(Self {
            weights,
            maps: network.maps.as_slice().to_vec(),
            bump_current: network.bumps.centred_current().to_vec(),
            parameters: [
                ("tau_ms", dynamics.tau_ms),
                ("dt_ms", dynamics.dt_ms),
                ("external_current", network.external_current),
                ("amplitude", network.kernel.amplitude),
                ("width", network.kernel.width),
                ("inhibition", network.kernel.inhibition),
            ],
            origin: format!("{}, run {}", manifest.program, directory.identity()),
        })
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.bump_current.len()
    }

    /// Names and shapes of what is in the file.
    pub fn contents(&self) -> Vec<(&'static str, Vec<usize>)> {
        self.arrays().into_iter().map(|a| (a.name, a.shape)).collect()
    }

    /// The bytes of the file. The same run gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Run`] if the format cannot hold the network.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>> {
        match format {
            Format::Npz => self.npz(),
            Format::Safetensors => self.safetensors(),
            Format::Mat => mat::encode(&self.origin, &self.arrays()),
        }
    }

    fn arrays(&self) -> Vec<Array<'_>> {
        let n = self.neurons();
        let mut arrays = vec![
            Array { name: "weights", shape: vec![n, n], values: Values::Real(&self.weights) },
            Array { name: "maps", shape: vec![self.maps.len() / n, n], values: Values::Whole(&self.maps) },
            Array { name: "bump_current", shape: vec![n], values: Values::Real(&self.bump_current) },
        ];
        arrays.extend(self.parameters.iter().map(|(name, value)| Array {
            name,
            shape: Vec::new(),
            values: Values::Real(std::slice::from_ref(value)),
        }));
        arrays
    }

    fn npz(&self) -> Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for array in self.arrays() {
            let bytes = match array.values {
                Values::Real(values) => npy::encode(&array.shape, values),
                Values::Whole(values) => npy::encode(&array.shape, values),
            };
            let options = FileOptions::default()
                .large_file(bytes.len() as u64 > u64::from(u32::MAX))
                .compression_method(npyz::zip::CompressionMethod::Stored)
                .last_modified_time(npyz::zip::DateTime::default());
            archive
                .start_file(npyz::npz::file_name_from_array_name(array.name), options)
                .map_err(|e| cannot(&e))?;
            archive.write_all(&bytes).map_err(|e| cannot(&e))?;
        }
        archive.set_comment(self.origin.clone());
        Ok(archive.finish().map_err(|e| cannot(&e))?.into_inner())
    }

    fn safetensors(&self) -> Result<Vec<u8>> {
        let arrays = self.arrays();
        let tensors: Vec<(&str, TensorView<'_>)> = arrays
            .iter()
            .map(|array| {
                let (dtype, bytes) = match array.values {
                    Values::Real(values) => (Dtype::F64, bytemuck::cast_slice(values)),
                    Values::Whole(values) => (Dtype::I32, bytemuck::cast_slice(values)),
                };
                TensorView::new(dtype, array.shape.clone(), bytes).map(|view| (array.name, view))
            })
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| cannot(&e))?;
        let origin = HashMap::from([("origin".to_owned(), self.origin.clone())]);
        safetensors::serialize(tensors, Some(origin)).map_err(|e| cannot(&e))
    }
}

fn cannot(error: &dyn std::fmt::Display) -> Error {
    Error::Run(format!("cannot encode the network ({error}); choose another --format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn exported() -> Exported {
        Exported {
            weights: vec![0.0, 1.5, 1.5, 0.0],
            maps: vec![0, 1, 1, 0, 1, 0],
            bump_current: vec![4.0, -1.0],
            parameters: [
                ("tau_ms", 15.0),
                ("dt_ms", 0.2),
                ("external_current", 10.0),
                ("amplitude", 0.6),
                ("width", 15.0),
                ("inhibition", -0.2),
            ],
            origin: "flatscape test, run abc".to_owned(),
        }
    }

    #[test]
    fn the_same_network_gives_the_same_bytes_in_every_format() {
        for format in [Format::Npz, Format::Safetensors, Format::Mat] {
            let bytes = exported().encode(format).unwrap();
            assert_eq!(bytes, exported().encode(format).unwrap());
            let name = b"external_current";
            assert!(bytes.windows(name.len()).any(|w| w == name), "{format:?}");
            assert!(format.recognises(&bytes) && !format.recognises(b"PK and more"), "{format:?}");
        }
    }

    #[test]
    fn an_npz_archive_holds_every_array() {
        let bytes = exported().encode(Format::Npz).unwrap();
        let mut archive = npyz::npz::NpzArchive::new(Cursor::new(bytes)).unwrap();
        let maps = archive.by_name("maps").unwrap().unwrap();
        assert_eq!(maps.shape(), [3, 2]);
        assert_eq!(maps.into_vec::<i32>().unwrap(), exported().maps);
        assert_eq!(archive.by_name("tau_ms").unwrap().unwrap().into_vec::<f64>().unwrap(), [15.0]);
    }
}

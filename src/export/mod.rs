//! A run's network for other tools: J + M, maps and parameters in one file.
//!
//! The dynamics are `τ dI/dt = −I + h + W·φ(I)` with `φ(x) = √x` for x > 0 (or `c·xⁿ`, `transfer_gain` and
//! `transfer_exponent`), in Euler steps of Δt; `bump_current` is the current of the bump of one map alone, by displacement
//! from site 0 of its lattice, from which measurements start. On a surface it is centred `bump_centre` spacings past that site.

mod mat;

use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::path::Path;

use npyz::zip::{ZipWriter, write::FileOptions};
use safetensors::tensor::{Dtype, TensorView};

use crate::connectivity::Kernel;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::network::Network;
use crate::records::RunDirectory;

/// File formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Format {
    /// NumPy's archive of arrays
    Npz,
    /// The safetensors format of machine learning libraries
    Safetensors,
    /// MATLAB and Octave, MAT-file level 5
    Mat,
}

impl Format {
    /// File extension of this format.
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
    neurons: usize,
    arrays: Vec<Array>,
    /// Program, and identity of the run.
    origin: String,
}

/// One array of the file, C-ordered.
struct Array {
    name: String,
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Real(Vec<f64>),
    Whole(Vec<i32>),
}

impl Array {
    fn real(name: &str, shape: &[usize], values: Vec<f64>) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), values: Values::Real(values) }
    }

    fn number(name: &str, value: f64) -> Self {
        Self::real(name, &[], vec![value])
    }
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
        let mut arrays = vec![Array::real("weights", &[n, n], weights)];
        arrays.extend(arrays_of_maps(&network));
        let h = &network.external_current;
        let uniform = h.iter().all(|x| *x == h[0]);
        arrays.push(Array::number("tau_ms", plan.config.dynamics.tau_ms));
        arrays.push(Array::number("dt_ms", plan.config.dynamics.dt_ms));
        arrays.push(if uniform {
            Array::number("external_current", h[0])
        } else {
            Array::real("external_current", &[n], h.clone())
        });
        if !network.transfer.is_root() {
            arrays.push(Array::number("transfer_exponent", network.transfer.exponent()));
            arrays.push(Array::number("transfer_gain", network.transfer.gain()));
        }
        let of_kernels = |f: fn(&Kernel) -> f64| network.kernels.iter().map(f).collect::<Vec<f64>>();
        let shape = if network.kernels.len() == 1 { vec![] } else { vec![network.kernels.len()] };
        arrays.push(Array::real("amplitude", &shape, of_kernels(|k| k.amplitude)));
        arrays.push(Array::real("width", &shape, of_kernels(|k| k.width)));
        arrays.push(Array::real("inhibition", &shape, of_kernels(|k| k.inhibition)));
        Ok(Self { neurons: n, arrays, origin: format!("{}, run {}", manifest.program, directory.identity()) })
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Names and shapes of the arrays in the file.
    pub fn contents(&self) -> Vec<(&str, &[usize])> {
        self.arrays.iter().map(|a| (a.name.as_str(), a.shape.as_slice())).collect()
    }

    /// The bytes of the file. The same run gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Run`] if the format cannot hold the network.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>> {
        match format {
            Format::Npz => self.npz(),
            Format::Safetensors => self.safetensors(),
            Format::Mat => mat::encode(&self.origin, &self.arrays),
        }
    }

    fn npz(&self) -> Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for array in &self.arrays {
            let bytes = match &array.values {
                Values::Real(values) => npy::encode(&array.shape, values),
                Values::Whole(values) => npy::encode(&array.shape, values),
            };
            let options = FileOptions::default()
                .large_file(bytes.len() as u64 > u64::from(u32::MAX))
                .compression_method(npyz::zip::CompressionMethod::Stored)
                .last_modified_time(npyz::zip::DateTime::default());
            archive
                .start_file(npyz::npz::file_name_from_array_name(&array.name), options)
                .map_err(|e| cannot(&e))?;
            archive.write_all(&bytes).map_err(|e| cannot(&e))?;
        }
        archive.set_comment(self.origin.clone());
        Ok(archive.finish().map_err(|e| cannot(&e))?.into_inner())
    }

    fn safetensors(&self) -> Result<Vec<u8>> {
        let tensors: Vec<(&str, TensorView<'_>)> = self
            .arrays
            .iter()
            .map(|array| {
                let (dtype, bytes) = match &array.values {
                    Values::Real(values) => (Dtype::F64, bytemuck::cast_slice(values)),
                    Values::Whole(values) => (Dtype::I32, bytemuck::cast_slice(values)),
                };
                TensorView::new(dtype, array.shape.clone(), bytes).map(|view| (array.name.as_str(), view))
            })
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| cannot(&e))?;
        let origin = HashMap::from([("origin".to_owned(), self.origin.clone())]);
        safetensors::serialize(tensors, Some(origin)).map_err(|e| cannot(&e))
    }
}

/// Where neurons lie, and the bumps of networks that store one map alone.
fn arrays_of_maps(network: &Network) -> Vec<Array> {
    let maps = &network.maps;
    let (count, n, dimension) = (maps.count(), maps.neurons(), maps.dimension());
    let mut arrays = Vec::new();
    if maps.are_full_rings() {
        let values = Values::Whole(maps.all_sites().to_vec());
        arrays.push(Array { name: "maps".to_owned(), shape: vec![count, n], values });
    }
    arrays.push(Array::real("positions", &[count, n, dimension], maps.all_places()));
    for group in 0..maps.groups().len() {
        // The names of the first group are those of a network with one.
        let name = |what: &str| if group == 0 { what.to_owned() } else { format!("{what}_{group}") };
        let bump = network.bumps.lattice_bump(group);
        let space = bump.lattice().space;
        let shape = &bump.lattice().counts[..space.dimension()];
        arrays.push(Array::real(&name("bump_current"), shape, bump.free().current.clone()));
        if space.dimension() > 1 {
            let centre = bump.free().centre.to_vec();
            arrays.push(Array::real(&name("bump_centre"), &[2], centre));
            arrays.push(Array::real(&name("sides"), &[2], space.sides.to_vec()));
        }
    }
    arrays
}

fn cannot(error: &dyn std::fmt::Display) -> Error {
    Error::Run(format!("cannot encode the network ({error}); choose another format"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn exported() -> Exported {
        let maps = Values::Whole(vec![0, 1, 1, 0, 1, 0]);
        Exported {
            neurons: 2,
            arrays: vec![
                Array::real("weights", &[2, 2], vec![0.0, 1.5, 1.5, 0.0]),
                Array { name: "maps".to_owned(), shape: vec![3, 2], values: maps },
                Array::real("bump_current", &[2], vec![4.0, -1.0]),
                Array::number("tau_ms", 15.0),
                Array::number("external_current", 10.0),
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
        assert_eq!(maps.into_vec::<i32>().unwrap(), [0, 1, 1, 0, 1, 0]);
        assert_eq!(archive.by_name("tau_ms").unwrap().unwrap().into_vec::<f64>().unwrap(), [15.0]);
    }
}

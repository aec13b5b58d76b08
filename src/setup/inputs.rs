//! The files that a configuration names, copied into the run directory, so that a run needs nothing outside it.

use std::path::PathBuf;

use crate::connectivity::Form;
use crate::files::npy;
use crate::network::Network;
use crate::setup::config::Config;
use crate::setup::groups::ExternalCurrent;
use crate::setup::plan::Plan;

/// A configuration whose paths point into the run directory, and the files that have to be there beside those of every
/// run.
pub struct Inputs {
    /// The configuration as it is written there.
    pub config: Config,
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Inputs {
    /// Of a network that was built from a plan.
    pub fn new(plan: &Plan, network: &Network) -> Self {
        let (mut config, mut files) = (plan.config.clone(), Vec::new());
        let mut keep = |path: &mut Option<PathBuf>, name: String, bytes: &dyn Fn() -> Vec<u8>| {
            if path.is_some() {
                files.push((name.clone(), bytes()));
                *path = Some(name.into());
            }
        };
        let maps = &network.maps;
        let mut first = 0;
        for (index, group) in config.maps.iter_mut().enumerate() {
            let places = || {
                let own = maps.space(first).dimension();
                let places = (first..first + group.count).flat_map(|map| maps.places(map));
                let values: Vec<f64> = places.flat_map(|place| place[..own].to_vec()).collect();
                npy::encode(&[group.count, plan.neurons, own], &values)
            };
            keep(&mut group.positions, format!("positions-{}.npy", index + 1), &places);
            let table = || match &plan.layout.groups[index].kernel.form {
                Form::Table(_, values) => npy::encode(&[values.len()], values),
                _ => Vec::new(),
            };
            keep(&mut group.kernel.table, format!("kernel-{}.npy", index + 1), &table);
            first += group.count;
        }
        if config.network.maps_file.is_some() {
            config.network.maps_file = Some("maps.npy".into());
        }
        if config.network.weights_file.is_some() {
            config.network.weights_file = Some("weights_base.npy".into());
        }
        if let Some(ExternalCurrent::File(path)) = &mut config.network.external_current {
            let current = npy::encode(&[plan.neurons], &network.external_current);
            files.push(("external_current.npy".to_owned(), current));
            *path = "external_current.npy".into();
        }
        Self { config, files }
    }

    /// What distinguishes this run from others: the configuration's text, and everything that files and seeds have put
    /// into the network.
    pub fn identity(&self, network: &Network) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.config.to_toml().as_bytes());
        if network.maps.are_full_rings() {
            hasher.update(bytemuck::cast_slice(network.maps.all_sites()));
        } else {
            hasher.update(bytemuck::cast_slice(&network.maps.all_places()));
        }
        self.files.iter().for_each(|(_, bytes)| {
            hasher.update(bytes);
        });
        if self.config.network.weights_file.is_some() {
            hasher.update(bytemuck::cast_slice(network.weights.as_slice()));
        }
        hasher.finalize().to_hex().to_string()
    }
}

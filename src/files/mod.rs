//! Files on disk: arrays, opening inputs, claiming places for output, writing whole or not at all, locks, and the folder of caches.

mod cache;
mod claim;
mod input;
mod lock;
pub mod npy;
mod output;

pub use cache::cache_folder;
pub use claim::claim_file;
pub(crate) use claim::{claim_folder, made_by, mark};
pub use input::read;
pub(crate) use lock::Lock;
pub(crate) use output::{is_partial, remove_partials, write_atomically};

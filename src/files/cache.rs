//! Where the program keeps what it can find out again.

use std::ffi::OsString;
use std::path::PathBuf;

/// The program's folder among the user's caches, whether it exists or not; `None` where the system names no place for caches.
pub fn cache_folder() -> Option<PathBuf> {
    folder_of(std::env::consts::OS, |name| std::env::var_os(name))
}

/// The same on a system of that name with the given environment. `XDG_CACHE_HOME` counts on all systems. Relative places do not
/// count: they would be another one in every folder.
fn folder_of(system: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let place = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_system = || match system {
        "windows" => place("LOCALAPPDATA"),
        "macos" => Some(place("HOME")?.join("Library").join("Caches")),
        _ => Some(place("HOME")?.join(".cache")),
    };
    Some(place("XDG_CACHE_HOME").or_else(of_system)?.join("flatscape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_place() {
        // An absolute path on whatever system this is.
        let root = std::env::temp_dir();
        let of = |system: &str, known: &[(&str, PathBuf)]| {
            let find = |name: &str| known.iter().find(|(known, _)| *known == name);
            folder_of(system, |name| find(name).map(|(_, path)| path.clone().into_os_string()))
        };
        let (home, other) = (root.join("home"), root.join("other"));
        let all = [("HOME", home.clone()), ("LOCALAPPDATA", other.clone())];
        assert_eq!(of("linux", &all), Some(home.join(".cache").join("flatscape")));
        assert_eq!(of("macos", &all), Some(home.join("Library").join("Caches").join("flatscape")));
        assert_eq!(of("windows", &all), Some(other.join("flatscape")));
        for system in ["linux", "macos", "windows"] {
            let named = [("XDG_CACHE_HOME", root.join("named")), all[0].clone(), all[1].clone()];
            assert_eq!(of(system, &named), Some(root.join("named").join("flatscape")));
            assert_eq!(of(system, &[]), None);
            let relative = ["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"].map(|name| (name, PathBuf::from("a")));
            assert_eq!(of(system, &relative), None);
        }
    }
}

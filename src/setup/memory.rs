//! How much memory there is: what the machine has free, and what the job may use of it.
//!
//! Batch systems and containers bound a job by control groups of Linux. The kernel kills a job that needs more, without
//! a message, so the smaller of the two counts.

use std::path::Path;

/// Memory available without swapping (bytes): the machine's, or the control group's if that is less.
pub fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let group = std::fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|groups| left_in_groups(&groups, Path::new("/sys/fs/cgroup")));
    system.available_memory().min(group.unwrap_or(u64::MAX))
}

/// The smallest amount that any memory control group of the process has left; `None` if none has a limit. `groups` has
/// the form of `/proc/self/cgroup`: lines `number:controllers:path`, without controllers in version 2.
fn left_in_groups(groups: &str, root: &Path) -> Option<u64> {
    let lines = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let left = lines.filter_map(|(controllers, path)| match controllers {
        "" => {
            let root = [root.to_owned(), root.join("unified")].into_iter();
            let root = root.filter(|r| r.join("cgroup.controllers").exists());
            root.filter_map(|root| left_above(&root, path, ["memory.max", "memory.current"])).min()
        }
        c if c.split(',').any(|c| c == "memory") => {
            left_above(&root.join("memory"), path, ["memory.limit_in_bytes", "memory.usage_in_bytes"])
        }
        _ => None,
    });
    left.min()
}

/// The smallest amount that a group or any group above it has left. In a container the path may not exist; the root
/// then shows the container's own group.
fn left_above(root: &Path, path: &str, files: [&str; 2]) -> Option<u64> {
    let folder = root.join(path.trim_start_matches('/'));
    folder
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|group| left_in(group, files))
        .min()
}

/// Limit minus use. File cache that can be dropped at once counts as free.
fn left_in(group: &Path, [limit, used]: [&str; 2]) -> Option<u64> {
    let number = |name: &str| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let statistics = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cache = statistics.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let total = if limit.ends_with("max") { "inactive_file" } else { "total_inactive_file" };
        (name == total).then(|| value.parse::<u64>().ok())?
    });
    let used = number(used)?.saturating_sub(cache.unwrap_or(0));
    Some(number(limit)?.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let left = |groups: &str| left_in_groups(groups, root.path());
        assert_eq!(left("0::/\n"), None);
        write("cgroup.controllers", "memory\n");
        write("job/memory.max", "1000\n");
        write("job/memory.current", "700\n");
        write("job/memory.stat", "anon 600\ninactive_file 100\n");
        write("job/step/memory.max", "max\n");
        write("job/step/memory.current", "500\n");
        // The step has no limit of its own, but the job has.
        assert_eq!(left("0::/job/step\n"), Some(400));
        assert_eq!(left("0::/elsewhere\n"), None);
        write("memory/old/memory.limit_in_bytes", "5000\n");
        write("memory/old/memory.usage_in_bytes", "4900\n");
        assert_eq!(left("4:cpu,memory:/old\n0::/job/step\n"), Some(100));
        // More in use than allowed: nothing is left.
        write("job/memory.current", "2000\n");
        assert_eq!(left("0::/job\n"), Some(0));
    }
}

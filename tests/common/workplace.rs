//! A temporary folder in which the program runs as a person would run it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// With one configuration in it, `tiny.toml`.
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), configuration).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flatscape"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        // What a command on a GPU keeps goes where the test goes.
        command.env("XDG_CACHE_HOME", self.path(".cache"));
        let computes = ["optimize", "measure", "scan", "figures", "bench", "analyze", "perturb", "drive"];
        if arguments.first().is_some_and(|a| computes.contains(a)) && !arguments.contains(&"--status") {
            command.args(["--backend", "cpu"]);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Succeeds; returns what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Fails with the given code and a one-line reason that holds all parts.
    pub fn fail(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{arguments:?}: {message}");
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: {part:?} is missing in {message:?}");
        }
    }
}

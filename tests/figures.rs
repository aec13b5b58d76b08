//! The paper's figures, on a small network: every file, every verdict, and that verdicts can fail.

use std::fs;

#[path = "common/workplace.rs"]
mod workplace;

use workplace::Workplace;

/// A network on which all figures take seconds. Its verdicts need not be the paper's.
const SMALL: [&str; 6] =
    ["--set", "network.neurons=150", "--set", "flatten.points_per_map=150", "--set", "flatten.ridge=1e-7"];

#[test]
fn every_figure_has_data_plots_and_verdicts() {
    let place = Workplace::new("");
    let output = place.run(&[&["figures", "--out", "figs", "--json"], &SMALL[..]].concat());
    // 1: some verdict fails, which a network of another size may.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("figs/verdicts.json")).unwrap()).unwrap();
    assert_eq!(verdicts, written);
    for figure in ["2", "3", "4", "5", "6", "S7", "S8", "S9", "S10"] {
        let own: Vec<&serde_json::Value> =
            verdicts.as_array().unwrap().iter().filter(|v| v["figure"] == figure).collect();
        assert!(!own.is_empty() && own.iter().all(|v| v["measured"].is_f64()), "figure {figure}: {own:?}");
        let files: Vec<String> = fs::read_dir(place.path("figs"))
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|n| {
                n.starts_with(&format!("figure-{figure}-")) || n.starts_with(&format!("figure-{figure}."))
            })
            .collect();
        for extension in [".svg", ".png", ".pdf", ".csv"] {
            assert!(
                files.iter().any(|n| n.ends_with(extension)),
                "figure {figure} has no {extension}: {files:?}"
            );
        }
        for name in files.iter().filter(|n| n.ends_with(".svg")) {
            let svg = fs::read_to_string(place.path("figs").join(name)).unwrap();
            assert!(svg.contains("class=\"series\""), "{name} shows no curve");
            assert!(svg.contains("Figure ") && svg.contains("<text"), "{name} has no title");
            assert!(!svg.contains("NaN"), "{name} draws numbers that are none");
        }
    }
}

#[test]
fn one_figure_alone_and_an_unknown_one() {
    let place = Workplace::new("");
    let output = place.run(&[&["figures", "--out", "one", "--only", "S9", "--quiet"], &SMALL[..]].concat());
    assert!(matches!(output.status.code(), Some(0 | 1)));
    let names: Vec<String> = fs::read_dir(place.path("one"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names.iter().all(|n| n.starts_with("figure-S9") || n == "verdicts.json" || n == ".flatscape"),
        "{names:?}"
    );
    place.fail(&["figures", "--out", "none", "--only", "7"], 2, &["figure 7", "S10"]);
    assert!(!place.path("none").exists());
}

/// The paper's bump, with the kernel a fifth wider; on half as many neurons, few of whose states are flattened.
#[test]
fn a_changed_parameter_makes_verdicts_fail() {
    let place = Workplace::new("");
    let verdicts = |settings: &[&str]| -> Vec<bool> {
        let cheap = [
            "network.neurons=300",
            "flatten.points_per_map=30",
            "flatten.iterations=1",
            "measure.duration_ms=1600",
        ];
        let cheap = cheap.iter().flat_map(|setting| ["--set", *setting]);
        let mut arguments = vec!["figures", "--out", "figs", "--only", "2", "--json"];
        arguments.extend(cheap.chain(settings.iter().copied()));
        let output = place.run(&arguments);
        let verdicts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            output.status.code() == Some(0),
            verdicts.as_array().unwrap().iter().all(|v| v["pass"] == true)
        );
        verdicts.as_array().unwrap().iter().map(|v| v["pass"].as_bool().unwrap()).collect()
    };
    assert!(verdicts(&[])[..2].iter().all(|&pass| pass));
    assert!(verdicts(&["--set", "kernel.width=18"])[..2].iter().all(|&pass| !pass));
}

//! What the README says of the code is true: data flows one way, the modules are those it lists, and so are the columns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use flatscape::job::drift::{DriftSummary, Moment};
use flatscape::job::drift_record::DriftRecord;
use flatscape::job::memory::MemorySummary;
use flatscape::job::reached::IterationRecord;
use flatscape::observable::Observable;

/// All source files, and for each the files whose items it names.
type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

fn source_files(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, extensions, files);
        } else if path.extension().is_some_and(|e| extensions.iter().any(|known| e == *known)) {
            files.push(path);
        }
    }
}

/// The file that holds module `path` (`["landscape", "newton"]`), or the longest part of it that is a file.
fn file_of(root: &Path, path: &[&str]) -> Option<PathBuf> {
    (1..=path.len()).rev().find_map(|length| {
        let base = path[..length].iter().fold(root.to_owned(), |p, part| p.join(part));
        [base.with_extension("rs"), base.join("mod.rs")].into_iter().find(|p| p.exists())
    })
}

/// Every path in the text that begins at `crate::` or `super::`, groups in braces taken apart.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("crate::").chain(text.match_indices("super::")) {
        let before = text[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        expand(&text[start..], "", &mut found);
    }
    found
}

/// Adds the paths at the head of `text`; returns how much of it they take.
fn expand(text: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let head = format!("{prefix}{}", &text[..end]);
    if !(head.ends_with("::") && text[end..].starts_with('{')) {
        found.push(head.trim_end_matches(':').to_owned());
        return end;
    }
    let mut at = end + 1;
    while !text[at..].starts_with('}') {
        match text[at..].chars().next() {
            Some(c) if c.is_alphanumeric() || c == '_' => at += expand(&text[at..], &head, found),
            Some(c) => at += c.len_utf8(),
            None => return at,
        }
    }
    at + 1
}

/// The files of a folder in Rust and what each imports, tests within it left out, and comments too.
fn imports(root: &Path) -> Imports {
    let mut files = Vec::new();
    source_files(root, &["rs"], &mut files);
    let of = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String =
            text.lines().filter(|l| !l.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
        let inside = file.strip_prefix(root).unwrap().with_extension("");
        let mut own: Vec<&str> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        if own.last() == Some(&"mod") {
            own.pop();
        }
        let targets = paths(&code).into_iter().filter_map(|path| {
            let mut parts: Vec<&str> = path.split("::").collect();
            let mut from = if parts[0] == "crate" { Vec::new() } else { own.clone() };
            while parts.first().is_some_and(|&p| p == "super" || p == "crate") {
                from.pop();
                parts.remove(0);
            }
            from.extend(parts);
            file_of(root, &from)
        });
        targets.filter(|target| target != file).collect()
    };
    files.iter().map(|file| (file.clone(), of(file))).collect()
}

/// Modules of its own package that a Python file imports, wherever in the file, for types alone too; `""` is the package.
fn python_modules(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("from .") {
        let is_statement = text[..start].rsplit('\n').next().is_none_or(|before| before.trim().is_empty());
        let (true, Some((module, names))) = (is_statement, text[start + 6..].split_once(" import ")) else {
            continue;
        };
        if !module.is_empty() {
            found.push(module.to_owned());
            continue;
        }
        let end = if names.starts_with('(') { ')' } else { '\n' };
        let names = names.split(end).next().unwrap_or_default().trim_start_matches('(');
        found.extend(names.split(',').filter_map(|name| name.split_whitespace().next()).map(str::to_owned));
    }
    let is_whole = |line: &&str| line.starts_with("import flatscape") || line.starts_with("from flatscape");
    found.extend(text.lines().map(str::trim_start).filter(is_whole).map(|_| String::new()));
    found
}

/// The files of a Python package and what each imports.
fn python_imports(root: &Path) -> Imports {
    let mut files = Vec::new();
    source_files(root, &["py", "pyi"], &mut files);
    let file_of = |module: &String| {
        let known = ["py", "pyi"].map(|extension| root.join(module).with_extension(extension));
        known.into_iter().find(|path| path.exists()).unwrap_or_else(|| root.join("__init__.py"))
    };
    let of = |file: &PathBuf| {
        let modules = python_modules(&std::fs::read_to_string(file).unwrap());
        modules.iter().map(file_of).filter(|target| target != file).collect()
    };
    files.iter().map(|file| (file.clone(), of(file))).collect()
}

/// Some way that leads from a file back to itself.
fn circle(imports: &Imports) -> Option<Vec<PathBuf>> {
    fn walk(at: &Path, imports: &Imports, way: &mut Vec<PathBuf>, done: &mut BTreeSet<PathBuf>) -> bool {
        if let Some(start) = way.iter().position(|p| p == at) {
            way.drain(..start);
            return true;
        }
        if done.contains(at) {
            return false;
        }
        way.push(at.to_owned());
        if imports[at].iter().any(|next| walk(next, imports, way, done)) {
            return true;
        }
        way.pop();
        done.insert(at.to_owned());
        false
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| {
        let mut way = Vec::new();
        walk(file, imports, &mut way, &mut done).then_some(way)
    })
}

fn assert_no_circle(folder: &str, imports: &Imports) {
    let arrows: usize = imports.values().map(BTreeSet::len).sum();
    assert!(
        arrows > imports.len(),
        "only {arrows} imports were found in {folder}: this test reads them wrongly"
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names: Option<Vec<String>> = circle(imports)
        .map(|way| way.iter().map(|p| p.strip_prefix(root).unwrap().display().to_string()).collect());
    assert_eq!(
        names, None,
        "these files import each other in a circle; move what they share to a file of its own"
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "python/src"] {
        assert_no_circle(folder, &imports(&root.join(folder)));
    }
    let package = "python/flatscape";
    assert_no_circle(package, &python_imports(&root.join(package)));
}

#[test]
fn a_circle_would_be_found() {
    let file = |name: &str| PathBuf::from(name);
    let set = |names: &[&str]| names.iter().map(|n| file(n)).collect::<BTreeSet<_>>();
    let mut imports: Imports =
        [("a", set(&["b"])), ("b", set(&["c"])), ("c", set(&[]))].map(|(n, i)| (file(n), i)).into();
    assert_eq!(circle(&imports), None);
    imports.insert(file("c"), set(&["b"]));
    assert_eq!(circle(&imports), Some(vec![file("b"), file("c")]));
    let text = "use crate::a::{b::C, d::{self, E}};\nlet x = super::f::g(1);";
    assert_eq!(paths(text), ["crate::a::b::C", "crate::a::d::self", "crate::a::d::E", "super::f::g"]);
    let text = "from . import _core, b as c\nfrom ._d import (\n    e,\n)\nif X:\n    from ._f import g\nx = 'from .h import'\n";
    assert_eq!(python_modules(text), ["_core", "b", "_d", "_f"]);
    assert_eq!(
        python_modules("from . import (\n    a,\n    b,\n)\nimport flatscape as fs\n"),
        ["a", "b", ""]
    );
}

/// Names in the first column of the README's module table.
fn modules_of_readme(readme: &str) -> BTreeSet<String> {
    let (_, rest) = readme.split_once("| module | room for |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_module_table_of_the_readme_is_the_tree_of_src() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let modules: BTreeSet<String> = std::fs::read_dir(root.join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    assert_eq!(
        modules_of_readme(&readme),
        modules,
        "README.md has another module table than src has modules"
    );
}

#[test]
fn a_missing_module_would_be_found() {
    let table = "| module | room for |\n|---|---|\n| `a`, `b` | x, `y` |\n| `c` | z |\n\nmore `d`";
    assert_eq!(modules_of_readme(table), ["a", "b", "c"].map(str::to_owned).into());
}

/// Rows of Markdown: the figures of a record.
fn rows<T>(figures: &[Observable<T>]) -> String {
    let row = |figure: &Observable<T>| {
        let unit = if figure.unit == "1" { "" } else { figure.unit };
        format!("| `{}` | {unit} | {} |\n", figure.name, figure.meaning.trim().replace('|', "\\|"))
    };
    figures.iter().map(row).collect()
}

/// The dictionary of columns.
fn dictionary() -> String {
    let places = "| `network` |  | `none`: J; `flattened`: J + M |\n| `map` |  | Map of the start |\n\
                  | `start`, `end` | neuron units | Where the bump starts, and where it ends in the winning map; on surfaces `start_x`, `start_y`, `end_x`, `end_y` |\n";
    let table =
        |of: &str, rows: String| format!("{of}\n\n| column | unit | what it is |\n|---|---|---|\n{rows}\n");
    [
        table("`drift.csv`, one row per trajectory:", format!("{places}{}", rows(DriftRecord::ALL))),
        table(
            "`iterations.csv`, one row before the first weight update and one after each; also `landscape_before` and \
             `landscape_after` in `summary.json`:",
            rows(IterationRecord::ALL),
        ),
        table(
            "`drift_before` and `drift_after` in `summary.json`; columns of a scan's `trials.csv`, and with their 95 % \
             confidence intervals (`_ci`) of its `summary.csv`:",
            rows(DriftSummary::ALL),
        ),
        table("A scan's `course.csv`, one row per trial and time:", rows(Moment::ALL)),
        table(
            "`memory_before` and `memory_after` in `summary.json`, and `memory` of a scan's trials, where trajectories are \
             recorded:",
            rows(MemorySummary::ALL),
        ),
    ]
    .concat()
}

/// `FLATSCAPE_WRITE_REFERENCE=1 cargo test --test layout` writes the section again.
#[test]
fn the_dictionary_of_columns_in_the_readme_is_the_tables_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<summary>All columns</summary>\n\n").unwrap();
    let (found, after) = rest.split_once("</details>").unwrap();
    if std::env::var_os("FLATSCAPE_WRITE_REFERENCE").is_some() {
        let text = format!("{before}<summary>All columns</summary>\n\n{}</details>{after}", dictionary());
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(found, dictionary(), "run FLATSCAPE_WRITE_REFERENCE=1 cargo test --test layout");
}

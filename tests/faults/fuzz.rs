//! The fuzz targets of `fuzz/`, driven by a seeded fuzzer: inputs that are nearly right, mutated.

use std::fs;
use std::time::{Duration, Instant};

use crate::workplace::Workplace;
use crate::{Dice, TINY, number, targets};

/// Fragments that parsers look for.
const TOKENS: [&str; 28] = [
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\n",
    ",",
    ".",
    "-",
    "0",
    "1e999",
    "nan",
    "-inf",
    "9223372036854775808",
    "0x7fffffffffffffff",
    "null",
    "true",
    "[network]",
    "neurons",
    "maps",
    "'shape': (",
    "4294967296",
    "'<f8'",
    "True",
    "\u{1b}[31m",
];

/// Changes a sound input in one to four places.
fn mutate(sound: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(16)).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.splice(at..end, TOKENS[dice.below(TOKENS.len())].bytes())),
            5 => bytes.truncate(at),
            // A number in place of another.
            _ => {
                let digits: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    bytes[digits[dice.below(digits.len())]] = b'0' + dice.below(10) as u8;
                }
            }
        }
    }
    bytes
}

/// Gives a changed record the checksum that it should have, so that what comes after the checksum is tried as well.
fn reseal(bytes: &[u8], field: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some(at) = text.rfind(field).map(|at| at + field.len()) else { return bytes.to_vec() };
    let Some(old) = text.get(at..at + 64) else { return bytes.to_vec() };
    let blank = text.replace(old, &"0".repeat(64));
    let sum = blake3::hash(blank.as_bytes()).to_hex();
    [&text[..at], sum.as_str(), &text[at + 64..]].concat().into_bytes()
}

/// Tries inputs until so many were tried, or for some seconds.
fn fuzz(name: &str, corpus: &[Vec<u8>], target: fn(&[u8]), finish: impl Fn(Vec<u8>, &mut Dice) -> Vec<u8>) {
    let (wanted, started) = (number("FLATSCAPE_FUZZ_INPUTS", 0), Instant::now());
    let mut dice = Dice(5);
    let mut tried = 0;
    corpus.iter().for_each(|sound| target(sound));
    while tried < wanted || (wanted == 0 && started.elapsed() < Duration::from_secs(3)) {
        let sound = &corpus[dice.below(corpus.len())];
        let input = finish(mutate(sound, &mut dice), &mut dice);
        let outcome = std::panic::catch_unwind(|| target(&input));
        assert!(outcome.is_ok(), "{name}: input {tried} panicked: {:?}", String::from_utf8_lossy(&input));
        tried += 1;
    }
    println!("{name}: {tried} inputs in {:.1} s", started.elapsed().as_secs_f64());
    assert!(tried > 100, "{name}: only {tried} inputs were tried");
}

#[test]
fn configurations() {
    let configs = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let paths = fs::read_dir(configs).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let mut corpus: Vec<Vec<u8>> = texts.map(|path| fs::read(path).unwrap()).collect();
    corpus.push(TINY.as_bytes().to_vec());
    corpus.push(b"flatten.ridge=1e-7".to_vec());
    assert!(corpus.len() > 5);
    fuzz("configurations", &corpus, targets::configuration, |input, _| input);
}

#[test]
fn arrays() {
    use flatscape::files::npy::encode;
    let corpus = [
        encode(&[2, 3], &[0_i32, 1, 2, 2, 1, 0]),
        encode(&[4], &[1.5_f64, -0.0, 1e300, f64::NAN]),
        encode(&[2, 1, 2], &[1.0_f32, 2.0, 3.0, 4.0]),
        encode(&[3], &[7_u64, 8, 9]),
        encode::<f64>(&[0], &[]),
    ];
    fuzz("arrays", &corpus, targets::array, |input, _| input);
}

#[test]
fn records() {
    let place = Workplace::new(TINY);
    place.succeed(&["scan", "tiny.toml", "--out", "scan", "--quiet"]);
    let mut job = place.command(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    assert_eq!(job.env("FLATSCAPE_FAULT", "kill 24").status().unwrap().code(), None);
    let state = fs::read(place.path("run/checkpoint/state.json")).unwrap();
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet", "--resume"]);
    let trial = fs::read_dir(place.path("scan/trials")).unwrap().next().unwrap().unwrap().path();
    let corpus = [state, fs::read(place.path("run/manifest.json")).unwrap(), fs::read(trial).unwrap()];
    fuzz("records", &corpus, targets::record, |input, dice| match dice.below(3) {
        0 => input,
        _ if input.starts_with(b"flatscape-trial") => {
            let body = input.iter().position(|&b| b == b'\n').map_or(&input[..], |end| &input[end + 1..]);
            [format!("flatscape-trial-1 {}\n", blake3::hash(body).to_hex()).as_bytes(), body].concat()
        }
        _ => {
            let field = if input.windows(12).any(|w| w == b"\"generation\"") {
                "\"checksum\": \""
            } else {
                "\"manifest\": \""
            };
            reseal(&input, field)
        }
    });
}

//! Arrays on disk in NumPy's `.npy` format.

use std::io::Write;
use std::path::Path;

use npyz::{AutoSerialize, Deserialize, NpyFile, Order, WriterBuilder};

use crate::error::{Error, Result};

/// A header longer than this is not from an array of numbers.
const MAX_HEADER: usize = 4096;

/// The bytes of a C-ordered `.npy` file.
pub fn encode<T: npyz::Serialize + AutoSerialize + Copy>(shape: &[usize], values: &[T]) -> Vec<u8> {
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let mut bytes = Vec::with_capacity(size_of_val(values) + 128);
    let written =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().and_then(
            |mut writer| {
                writer.extend(values.iter().copied())?;
                writer.finish()
            },
        );
    written.and_then(|()| bytes.flush()).expect("writing numbers to memory cannot fail");
    bytes
}

/// Reads a C-ordered array of one type; returns its shape and values.
///
/// # Errors
/// [`Error::Data`] naming the file if it is not a `.npy` file, is truncated, or has another type or order.
/// A header is not trusted: nothing is allocated beyond the size of the file.
pub fn read<T: Deserialize + AutoSerialize>(path: &Path) -> Result<(Vec<usize>, Vec<T>)> {
    let bytes = super::input::read(path).map_err(|e| Error::io(path, "read", e))?;
    decode(&bytes).map_err(|what| Error::data(path, what))
}

/// As [`read`], from the bytes of a file; errors are sentences about them.
pub fn decode<T: Deserialize + AutoSerialize>(
    bytes: &[u8],
) -> std::result::Result<(Vec<usize>, Vec<T>), String> {
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("not a .npy file; write it with numpy.save".to_owned());
    }
    let header_length = match (bytes.get(6), bytes.get(8..12)) {
        (Some(1), Some(length)) => usize::from(u16::from_le_bytes([length[0], length[1]])),
        (Some(2 | 3), Some(length)) => {
            u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize
        }
        _ => return Err("the .npy header is cut off, or of an unknown version".to_owned()),
    };
    if header_length > MAX_HEADER || header_length + 10 > bytes.len() {
        return Err(format!("the .npy header claims {header_length} bytes; the file is damaged"));
    }
    let header = &bytes[..header_length + 10];
    // Deep nesting overflows recursive parsers; an array of numbers has two brackets.
    if header.iter().filter(|b| b"([{".contains(b)).count() > 8 {
        return Err("the .npy header is not that of a plain array".to_owned());
    }
    if claimed_count(header).is_some_and(|count| count > bytes.len() as u64) {
        return Err("the .npy header claims more numbers than the file has bytes; it is damaged".to_owned());
    }
    let file = NpyFile::new(bytes).map_err(|e| format!("the .npy header cannot be read ({e})"))?;
    let (found, expected) = (file.dtype(), T::default_dtype());
    if found != expected {
        return Err(format!(
            "holds values of type {}, not {}; convert it with numpy.astype",
            found.descr(),
            expected.descr()
        ));
    }
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    if file.order() != Order::C && shape.len() > 1 {
        return Err("is in Fortran order; save numpy.ascontiguousarray of it".to_owned());
    }
    let count = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    let available = (bytes.len() - header.len().min(bytes.len())) / size_of::<T>();
    match count {
        Some(count) if count <= available => {}
        _ => {
            return Err(format!(
                "claims shape {shape:?} but holds {available} numbers at most; it is damaged"
            ));
        }
    }
    let values = file.into_vec().map_err(|e| format!("cannot be read ({e})"))?;
    Ok((shape, values))
}

/// Reads whole numbers, int32, or int64 as `numpy` makes them by default, where all fit in an int32.
///
/// # Errors
/// As [`read`], and [`Error::Data`] naming the first number that does not fit.
pub fn read_whole(path: &Path) -> Result<(Vec<usize>, Vec<i32>)> {
    let bytes = super::input::read(path).map_err(|e| Error::io(path, "read", e))?;
    let Ok((shape, long)) = decode::<i64>(&bytes) else {
        return decode(&bytes).map_err(|what| Error::data(path, what));
    };
    let fits = |(at, &number): (usize, &i64)| {
        i32::try_from(number).map_err(|_| {
            Error::data(path, format!("number {at} (in C order) is {number}, which does not fit in an int32"))
        })
    };
    let values = long.iter().enumerate().map(fits).collect::<Result<_>>()?;
    Ok((shape, values))
}

/// The number of elements that a header's shape claims, at most `u64::MAX`, looked at before a parser multiplies it out;
/// `None` if there is no shape, which the parser says better.
fn claimed_count(header: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(header);
    let (_, rest) = text.split_once("shape")?;
    let (shape, _) = rest.split_once('(')?.1.split_once(')')?;
    let lengths = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
    let length = |n: &str| n.trim_end_matches('L').parse().unwrap_or(u64::MAX);
    // A length of 0 must not hide the others: strides are multiplied without it.
    Some(lengths.map(length).fold(1, |product: u64, n| product.saturating_mul(n.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(bytes: &[u8]) -> String {
        decode::<i32>(bytes).expect_err("must be refused")
    }

    #[test]
    fn round_trip_keeps_every_bit() {
        let values = [1.5, -0.0, f64::MIN_POSITIVE, 1e300];
        let (shape, back) = decode::<f64>(&encode(&[2, 2], &values)).unwrap();
        assert_eq!(shape, [2, 2]);
        assert!(back.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn hostile_files_are_refused_with_the_reason() {
        let good = encode(&[2, 3], &[0_i32, 1, 2, 2, 1, 0]);
        assert!(decode::<i32>(&good).is_ok());
        assert!(refuse(b"").contains("not a .npy"));
        assert!(refuse(b"PK\x03\x04 and so on").contains("not a .npy"));
        assert!(refuse(&good[..9]).contains("cut off"));
        assert!(refuse(&good[..good.len() - 1]).contains("damaged"));
        assert!(refuse(&encode(&[6], &[0_f64; 6])).contains("type '<f8'"));
        let text = |header: &str| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.as_bytes());
            bytes.extend([0; 24]);
            bytes
        };
        let huge = "{'descr': '<i4', 'fortran_order': False, 'shape': (4294967295, 4294967295, 9), }\n";
        assert!(refuse(&text(huge)).contains("damaged"));
        assert!(refuse(&text(&huge.replace(", 9)", ", 0)"))).contains("damaged"));
        assert!(refuse(&text(&"(".repeat(3000))).contains("not that of a plain array"));
        assert!(refuse(&text("{'descr': '<i4'}\n")).contains("cannot be read"));
        let mut long = good.clone();
        long[8..10].copy_from_slice(&[0xff, 0xff]);
        assert!(refuse(&long).contains("damaged"));
        let fortran = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n";
        assert!(refuse(&text(fortran)).contains("Fortran"));
    }
}

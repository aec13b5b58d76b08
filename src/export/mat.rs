//! MAT-files of level 5, uncompressed, after "MAT-File Format" (The MathWorks, R2023a), chapter "Level 5 MAT-File
//! Format": a header of 128 bytes, then one `miMATRIX` element a variable, of subelements padded to 8 bytes, values
//! in column-major order.

use super::{Array, Values};
use crate::error::{Error, Result};

/// Data types of elements.
const MI_INT8: u32 = 1;
const MI_INT32: u32 = 5;
const MI_UINT32: u32 = 6;
const MI_DOUBLE: u32 = 9;
const MI_MATRIX: u32 = 14;

/// Classes of arrays.
const MX_DOUBLE_CLASS: u32 = 6;
const MX_INT32_CLASS: u32 = 12;

/// Length of the header's text (bytes).
const TEXT: usize = 116;

/// Version and byte order of a little-endian file.
const VERSION: [u8; 4] = [0x00, 0x01, b'I', b'M'];

pub(super) fn encode(origin: &str, arrays: &[Array]) -> Result<Vec<u8>> {
    let mut text = format!("MATLAB 5.0 MAT-file, {origin}").into_bytes();
    text.resize(TEXT, b' ');
    let mut bytes = text;
    // No offset of subsystem data.
    bytes.extend([0; 8]);
    bytes.extend(VERSION);
    for array in arrays {
        element(&mut bytes, MI_MATRIX, &matrix(array)?)?;
    }
    Ok(bytes)
}

fn matrix(array: &Array) -> Result<Vec<u8>> {
    // Arrays have two dimensions at least; vectors and scalars become rows.
    let dimensions = match array.shape[..] {
        [] => vec![1, 1],
        [columns] => vec![1, columns],
        _ => array.shape.clone(),
    };
    let class = match &array.values {
        Values::Real(_) => MX_DOUBLE_CLASS,
        Values::Whole(_) => MX_INT32_CLASS,
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let lengths: Vec<u32> = dimensions.iter().map(|&length| length as u32).collect();
    let mut bytes = Vec::new();
    element(&mut bytes, MI_UINT32, &words(&[class, 0]))?;
    element(&mut bytes, MI_INT32, &words(&lengths))?;
    element(&mut bytes, MI_INT8, array.name.as_bytes())?;
    match &array.values {
        Values::Real(values) => {
            element(&mut bytes, MI_DOUBLE, &by_column(values, &dimensions, |v| v.to_le_bytes()))?;
        }
        Values::Whole(values) => {
            element(&mut bytes, MI_INT32, &by_column(values, &dimensions, |v| v.to_le_bytes()))?;
        }
    }
    Ok(bytes)
}

/// The bytes of a C-ordered array in the order of MATLAB: the first index runs fastest.
fn by_column<T: Copy, const B: usize>(
    values: &[T],
    dimensions: &[usize],
    bytes: fn(T) -> [u8; B],
) -> Vec<u8> {
    // Distance between neighbours along each dimension in C order.
    let mut strides = vec![1; dimensions.len()];
    for d in (1..dimensions.len()).rev() {
        strides[d - 1] = strides[d] * dimensions[d];
    }
    let place = |mut index: usize| {
        let along = dimensions.iter().zip(&strides).map(|(length, stride)| {
            let own = index % length;
            index /= length;
            own * stride
        });
        along.sum::<usize>()
    };
    (0..values.len()).flat_map(|index| bytes(values[place(index)])).collect()
}

/// Appends an element: type, length, data, padding.
fn element(to: &mut Vec<u8>, kind: u32, data: &[u8]) -> Result<()> {
    let length = u32::try_from(data.len()).map_err(|_| {
        Error::Run(
            "a MAT-file of level 5 holds no array beyond 4 GiB; export as npz or safetensors".to_owned(),
        )
    })?;
    to.extend(kind.to_le_bytes());
    to.extend(length.to_le_bytes());
    to.extend(data);
    to.resize(to.len().next_multiple_of(8), 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_column_by_column() {
        let column = by_column(&[1_i32, 2, 3, 4, 5, 6], &[2, 3], i32::to_le_bytes);
        assert_eq!(bytemuck::pod_collect_to_vec::<u8, i32>(&column), [1, 4, 2, 5, 3, 6]);
        let cube = by_column(&[1_i32, 2, 3, 4, 5, 6, 7, 8], &[2, 2, 2], i32::to_le_bytes);
        assert_eq!(bytemuck::pod_collect_to_vec::<u8, i32>(&cube), [1, 5, 3, 7, 2, 6, 4, 8]);
    }

    #[test]
    fn elements_end_on_eight_bytes() {
        let array = Array::number("width", 15.0);
        let bytes = encode("test", &[array]).unwrap();
        // Header, tag, flags, dimensions, name and its padding, value.
        assert_eq!(bytes.len(), 128 + 8 + 16 + 16 + 16 + 16);
        assert_eq!(bytes[bytes.len() - 8..], 15.0_f64.to_le_bytes());
    }
}

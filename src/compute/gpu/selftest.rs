//! What every adapter has to show before its results are believed.

use super::device::{Device, Failure};
use super::shaders::{self, SelftestParams};

/// More turns than the driver makes that stops at 65,535.
const TURNS: u32 = 70_000;

/// Rows and columns of the product, two tiles each.
const SIZE: u32 = 16;

/// What the buffers hold before.
const POISON: u32 = 0x7fc0_dead;

/// Runs the self-test; an error says what went wrong.
pub(super) fn run(device: &Device) -> Result<(), String> {
    let (product, results) = on_device(device).map_err(|failure| failure.to_string())?;
    check(&product, &results)
}

fn inputs() -> (Vec<f32>, Vec<f32>) {
    // Small whole numbers: their products and sums are exact in f32, in any order.
    let entry = |i: u32, factor: u32| ((i * factor) % 13) as f32 - 6.0;
    ((0..SIZE * SIZE).map(|i| entry(i, 7)).collect(), (0..SIZE * SIZE).map(|i| entry(i, 5)).collect())
}

fn on_device(device: &Device) -> Result<(Vec<f32>, Vec<u32>), Failure> {
    let (left, right) = inputs();
    let count = (SIZE * SIZE) as usize;
    let pipeline = device.pipeline(&shaders::selftest(Vec::new()))?;
    let params = device.uniform("self-test", &SelftestParams { turns: TURNS, size: SIZE })?;
    let left = device.storage("left", &left)?;
    let right = device.storage("right", &right)?;
    let product = device.storage("product", &vec![POISON; count])?;
    let results = device.storage("results", &vec![POISON; 2 * count])?;
    let bindings = device.bind(&pipeline, &[&params, &left, &right, &product, &results])?;
    device.run(&pipeline, &bindings, [SIZE / 8, SIZE / 8, 1])?;
    Ok((device.read(&product, count)?, device.read(&results, 2 * count)?))
}

/// Compares with the same work done here.
fn check(product: &[f32], results: &[u32]) -> Result<(), String> {
    let (left, right) = inputs();
    let size = SIZE as usize;
    for row in 0..size {
        let (mut count, mut state) = (0u32, row as u32 + 1);
        for _ in 0..TURNS {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            count += if state == 0 { 2 } else { 1 };
        }
        for column in 0..size {
            let at = row * size + column;
            let turns = results[2 * at];
            if turns == POISON || product[at].to_bits() == POISON {
                return Err("it leaves elements of a buffer unwritten".to_owned());
            }
            if (turns, results[2 * at + 1]) != (count, state) {
                return Err(format!(
                    "a loop of {count} turns ended as if after {turns}; newer drivers may do better"
                ));
            }
            let expected: f32 = (0..size).map(|k| left[row * size + k] * right[k * size + column]).sum();
            if product[at] != expected {
                return Err(format!("a product that is {expected} came out as {}", product[at]));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a right device returns.
    fn right_answers() -> (Vec<f32>, Vec<u32>) {
        let (left, right) = inputs();
        let size = SIZE as usize;
        let mut product = Vec::new();
        let mut results = Vec::new();
        for row in 0..size {
            let mut state = row as u32 + 1;
            for _ in 0..TURNS {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            }
            for column in 0..size {
                product.push((0..size).map(|k| left[row * size + k] * right[k * size + column]).sum());
                results.extend([TURNS, state]);
            }
        }
        (product, results)
    }

    #[test]
    fn each_kind_of_wrong_answer_is_refused_with_its_reason() {
        let (product, results) = right_answers();
        assert_eq!(check(&product, &results), Ok(()));
        let mut stopped = results.clone();
        stopped[2 * 77] = 65_535;
        assert!(check(&product, &stopped).unwrap_err().contains("65535"));
        let mut wrong = product.clone();
        wrong[200] += 1.0;
        assert!(check(&wrong, &results).unwrap_err().contains("product"));
        wrong[200] = f32::NAN;
        assert!(check(&wrong, &results).is_err());
        wrong[200] = f32::from_bits(POISON);
        assert!(check(&wrong, &results).unwrap_err().contains("unwritten"));
    }
}

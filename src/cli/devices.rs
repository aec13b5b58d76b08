//! `flatscape devices`: adapters, their limits, and the verdict of the self-test on each.

use super::Options;
use crate::compute::gpu;
use crate::error::Result;

pub(super) fn run(options: &Options) -> Result<u8> {
    let adapters = gpu::list();
    let mut text: String = adapters.iter().map(|adapter| format!("{adapter}\n")).collect();
    if adapters.is_empty() {
        text.push_str("no adapter was found: install a Vulkan driver, or use --backend cpu\n");
    }
    match gpu::preferred(&adapters) {
        Some(adapter) => text.push_str(&format!(
            "--backend auto takes {} for the stages that are faster there\n",
            adapter.name
        )),
        None => text.push_str("--backend auto takes the CPU: no hardware GPU passes the self-test\n"),
    }
    options.report(&adapters, &text)?;
    Ok(0)
}

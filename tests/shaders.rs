//! Every shader is valid WGSL, and its parameters lie where Rust puts them. Needs no GPU.

use std::collections::BTreeSet;
use std::mem::offset_of;

use flatscape::compute::gpu::shaders::Shader;
use flatscape::compute::gpu::{every_shader, shaders};

fn validated(shader: &Shader) -> naga::Module {
    let source = shader.source();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(&source)));
    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(&source)));
    module
}

/// Every shader as networks of different sizes compile it.
fn compiled() -> Vec<Shader> {
    let limits = shaders::ordinary_limits();
    let small = wgpu::Limits {
        max_compute_invocations_per_workgroup: 256,
        max_compute_workgroup_storage_size: 16 << 10,
        max_storage_buffer_binding_size: 128 << 20,
        ..shaders::ordinary_limits()
    };
    let sizes = [(600, 59, &limits), (1600, 145, &limits), (6000, 590, &limits), (6000, 590, &small)];
    sizes
        .into_iter()
        .flat_map(|(neurons, bump, limits)| every_shader(neurons, bump, limits).unwrap())
        .collect()
}

#[test]
fn every_shader_is_valid_and_has_the_entry_point_of_its_name() {
    let all = compiled();
    let names: BTreeSet<&str> = all.iter().map(|shader| shader.name).collect();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".wgsl").map(str::to_owned))
        .collect();
    assert_eq!(files, names.into_iter().map(str::to_owned).collect(), "files and compiled shaders");
    for shader in all {
        let module = validated(&shader);
        assert!(module.entry_points.iter().any(|e| e.name == shader.name), "{}", shader.name);
    }
}

/// Writes the shaders of an ordinary device where `benches/isa.sh` looks for them, under names that tell them apart.
#[test]
fn every_shader_is_written_for_other_compilers() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("shaders");
    std::fs::create_dir_all(&folder).unwrap();
    for (neurons, bump) in [(600, 59), (1600, 145), (6000, 590)] {
        for shader in every_shader(neurons, bump, &shaders::ordinary_limits()).unwrap() {
            let value =
                |name: &str| shader.constants.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
            let noise = match value("NOISE") {
                Some(1) => ".spikes",
                Some(2) => ".current",
                _ => "",
            };
            let dimension = value("DIMENSION").map_or(String::new(), |d| format!(".{d}d"));
            let group = value("GROUP").map_or(String::new(), |size| format!(".{size}"));
            let is_sized = value("QUADS").is_some();
            let size = if is_sized { format!(".{neurons}") } else { String::new() };
            let file = folder.join(format!("{}{size}{group}{dimension}{noise}.wgsl", shader.name));
            std::fs::write(file, shader.source()).unwrap();
        }
    }
}

/// Offsets of a struct's members in WGSL, and its size.
fn layout(shader: &str, name: &str) -> (Vec<(String, usize)>, usize) {
    let shader = compiled().into_iter().find(|s| s.name == shader).expect("a shader of this name");
    let module = validated(&shader);
    let ty = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).expect("such a struct").1;
    let naga::TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is no struct") };
    let members = members.iter().map(|m| (m.name.clone().unwrap_or_default(), m.offset as usize));
    (members.collect(), *span as usize)
}

macro_rules! same_layout {
    ($shader:expr, $ty:ident { $($field:ident),* }) => {
        let (members, size) = layout($shader, stringify!($ty));
        let expected = vec![$((stringify!($field).to_owned(), offset_of!(shaders::$ty, $field))),*];
        assert_eq!((members, size), (expected, size_of::<shaders::$ty>()), "{}", $shader);
    };
}

#[test]
fn parameters_lie_where_the_host_puts_them() {
    same_layout!("selftest", SelftestParams { turns, size });
    same_layout!(
        "trajectories",
        TrajectoriesParams {
            neurons,
            steps,
            step,
            gain,
            exponent,
            first_step,
            key_low,
            key_high,
            mean_per_rate,
            size
        }
    );
    same_layout!("trajectories", StateGroup { first, rows, rows_high, trajectory });
    for shader in ["minimum", "fields_together"] {
        same_layout!(
            shader,
            SearchParams {
                neurons,
                states,
                going,
                admits,
                corrects,
                asks_rarely,
                iterations,
                turns,
                roughest,
                tolerance,
                largest_current,
                gain,
                exponent
            }
        );
        same_layout!(
            shader,
            Search {
                multiplier_x,
                multiplier_y,
                count,
                iterations,
                residual,
                dampings,
                halvings,
                is_full,
                is_on_surface,
                turns,
                wants,
                is_answered,
                phase,
                begins,
                damping,
                first_residual,
                curvature,
                attempt,
                turn,
                products_xx,
                products_xy,
                products_yy,
                rho,
                rho_end,
                first_rho,
                previous_rho,
                change_x,
                change_y,
                length,
                halved
            }
        );
    }
    same_layout!("permute", PermuteParams { neurons, first, adds, is_hollow });
    same_layout!("weight_change", ChangeParams { neurons, chunks, first, states });
    same_layout!("weight_response", ResponseParams { neurons, chunks, first });
    for peak in ["peak_flops", "peak_bandwidth"] {
        same_layout!(peak, PeakParams { turns, length });
    }
}

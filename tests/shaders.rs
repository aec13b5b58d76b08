//! Every shader is valid WGSL, and its parameters lie where Rust puts them. Needs no GPU.

use std::mem::offset_of;

use flatscape::compute::gpu::shaders;
use flatscape::compute::gpu::shaders::Shader;

fn validated(shader: &Shader, double: bool) -> naga::Module {
    let source = shader.source();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(&source)));
    let capabilities =
        if double { naga::valid::Capabilities::FLOAT64 } else { naga::valid::Capabilities::empty() };
    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(&source)));
    module
}

#[test]
fn every_shader_is_valid_and_has_the_entry_point_of_its_name() {
    let names: Vec<&str> = shaders::all().iter().map(|shader| shader.name).collect();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap();
    assert_eq!(files.count(), names.len(), "a file in shaders/ is not in {names:?}");
    for shader in shaders::all() {
        let module = validated(&shader, false);
        assert!(module.entry_points.iter().any(|e| e.name == shader.name), "{}", shader.name);
        if shader.prelude == shaders::SINGLE {
            validated(&Shader { prelude: shaders::DOUBLE, ..shader }, true);
        }
    }
}

/// Offsets of a struct's members in WGSL, and its size.
fn layout(shader: &str, name: &str) -> (Vec<(String, usize)>, usize) {
    let shader = shaders::all().into_iter().find(|s| s.name == shader).expect("a shader of this name");
    let module = validated(&shader, false);
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
        TrajectoriesParams { neurons, quads, rows_per_part, steps, step, external_current }
    );
    same_layout!(
        "minimum",
        MinimumParams {
            neurons,
            stride,
            rows_per_part,
            admits,
            iterations,
            tolerance,
            external_current,
            first
        }
    );
    same_layout!(
        "minimum",
        StateInfo {
            map_offset,
            position,
            window,
            multiplier,
            count,
            iterations,
            residual,
            dampings,
            halvings
        }
    );
    same_layout!("scores", ScoresParams { neurons, maps, bump_neurons, first });
    same_layout!("scores", Displaced { by, value });
    same_layout!("scores", Place { index, score });
    for peak in ["peak_flops", "peak_bandwidth"] {
        same_layout!(peak, PeakParams { turns, length });
    }
    for product in ["gram", "gradient", "response"] {
        same_layout!(product, ProductParams { neurons, states, first, rows });
    }
}

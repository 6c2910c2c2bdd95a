//! Every committed input keeps every promise; and the corpora reach what they are there for.

use std::path::{Path, PathBuf};

use procy_core::fuzzing::{Host, Manner, Role};
use procy_fuzz::{Players, TARGETS, seed};

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_keeps_every_promise() {
    let players = Players::new();
    for (name, body) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for (path, input) in inputs {
            seed();
            if let Err(broken) = body(&players, &input) {
                panic!("{}: {broken}", path.display());
            }
        }
    }
}

#[test]
fn the_recorded_sessions_come_to_relaying() {
    let players = Players::new();
    for (role, target, name) in
        [(Role::Console, "console", "seed-picture"), (Role::Device, "device", "seed-session")]
    {
        for tls in ["tls13", "tls12"] {
            let wanted = format!("{name}-{tls}");
            let (_, input) = inputs(target)
                .into_iter()
                .find(|(path, _)| path.ends_with(&wanted))
                .unwrap_or_else(|| panic!("no {wanted}"));
            seed();
            let mut host = Host::new(role, &players.believing, Manner::default()).unwrap();
            // Behind the two bytes of a manner. In pieces: who says goodbye before the verdict has left.
            for piece in input[2..].chunks(90) {
                host.feed(piece).unwrap();
            }
            let relays = host.events().iter().any(|event| event == "Relaying");
            assert!(relays, "{wanted}: {:?}", host.events());
        }
    }
}

//! The machine in memory, by the clock: `cargo xtask bench machine`.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::print_stderr, reason = "it talks to a person")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use procy_benches::machine::operations;

fn machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("machine");
    for mut operation in operations().unwrap_or_else(|why| fail(&why)) {
        let relayed = Throughput::Bytes(operation.bytes as u64);
        let one = Throughput::Elements(1);
        group.throughput(if operation.bytes > 0 { relayed } else { one });
        group.bench_function(operation.name.clone(), |bencher| {
            bencher.iter_custom(|rounds| {
                // So many rounds of one: a run does several.
                let runs = rounds.div_ceil(u64::from(operation.times));
                let mut total = Duration::ZERO;
                for _ in 0..runs {
                    let ran = operation.run(&mut |deed| {
                        let start = Instant::now();
                        deed();
                        total += start.elapsed();
                    });
                    ran.unwrap_or_else(|why| fail(&why));
                }
                let done = runs * u64::from(operation.times);
                total.mul_f64(rounds as f64 / done as f64)
            });
        });
    }
}

fn fail(why: &dyn std::fmt::Display) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}

criterion_group!(benches, machine);
criterion_main!(benches);

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| procy_fuzz::run("records", input));

//! See [`azmqtt_fuzz::twins::twins`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::twins::twins(data);
});

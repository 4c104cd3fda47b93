//! See [`azmqtt_fuzz::twins::digital_twin_patches`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::twins::digital_twin_patches(data);
});

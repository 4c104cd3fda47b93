//! See [`azmqtt_fuzz::files::certificates`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::files::certificates(data);
});

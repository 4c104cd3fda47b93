//! See [`azmqtt_fuzz::credentials::connection_strings`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::credentials::connection_strings(data);
});

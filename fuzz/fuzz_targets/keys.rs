//! See [`azmqtt_fuzz::credentials::keys`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::credentials::keys(data);
});

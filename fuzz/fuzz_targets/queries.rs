//! See [`azmqtt_fuzz::queries::queries`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::queries::queries(data);
});

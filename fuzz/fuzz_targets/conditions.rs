//! See [`azmqtt_fuzz::queries::conditions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::queries::conditions(data);
});

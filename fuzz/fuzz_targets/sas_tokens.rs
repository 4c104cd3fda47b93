//! See [`azmqtt_fuzz::credentials::sas_tokens`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::credentials::sas_tokens(data);
});

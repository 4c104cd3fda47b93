//! See [`azmqtt_fuzz::net::header_tokens`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::net::header_tokens(data);
});

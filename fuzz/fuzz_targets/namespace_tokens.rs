//! See [`azmqtt_fuzz::namespace_tokens::tokens`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace_tokens::tokens(data);
});

//! See [`azmqtt_fuzz::net::answer_heads`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::net::answer_heads(data);
});

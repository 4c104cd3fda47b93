//! See [`azmqtt_fuzz::namespace_tokens::webhooks`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace_tokens::webhooks(data);
});

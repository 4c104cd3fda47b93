//! See [`azmqtt_fuzz::net::proxies`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::net::proxies(data);
});

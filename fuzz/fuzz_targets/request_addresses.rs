//! See [`azmqtt_fuzz::hub::request_addresses`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::hub::request_addresses(data);
});

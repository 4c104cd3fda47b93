//! See [`azmqtt_fuzz::hub::message_headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::hub::message_headers(data);
});

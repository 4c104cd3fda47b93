//! See [`azmqtt_fuzz::hub::etag_conditions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::hub::etag_conditions(data);
});

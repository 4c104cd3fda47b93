//! See [`azmqtt_fuzz::bodies::service_errors`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::bodies::service_errors(data);
});

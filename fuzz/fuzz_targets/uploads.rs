//! See [`azmqtt_fuzz::bodies::uploads`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::bodies::uploads(data);
});

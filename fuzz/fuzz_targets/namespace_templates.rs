//! See [`azmqtt_fuzz::namespace::templates`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace::templates(data);
});

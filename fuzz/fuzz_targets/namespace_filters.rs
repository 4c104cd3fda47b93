//! See [`azmqtt_fuzz::namespace::filters`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace::filters(data);
});

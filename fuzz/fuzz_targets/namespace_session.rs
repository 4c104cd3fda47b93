//! See [`azmqtt_fuzz::namespace::session`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace::session(data);
});

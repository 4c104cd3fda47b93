//! See [`azmqtt_fuzz::identities::user_names`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::identities::user_names(data);
});

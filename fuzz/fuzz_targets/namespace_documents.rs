//! See [`azmqtt_fuzz::namespace_documents::documents`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace_documents::documents(data);
});

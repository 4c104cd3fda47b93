//! The provisioning service: enrolments, and devices that register.

mod enrollments;
mod many_enrollments;
pub mod registrations;

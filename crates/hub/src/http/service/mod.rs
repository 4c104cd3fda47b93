//! The service's REST API: what back-end applications ask of a hub. Each subject has a module with its `routes()`.

mod bulk;
mod cloud_send;
mod commands;
mod configurations;
mod devices;
mod digital_twins;
mod feedback;
mod identity_json;
mod jobs;
mod modules;
mod query;
mod statistics;
mod twins;

use super::route::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    let subjects = [
        bulk::routes,
        cloud_send::routes,
        commands::routes,
        configurations::routes,
        devices::routes,
        digital_twins::routes,
        feedback::routes,
        modules::routes,
        twins::routes,
        jobs::routes,
        query::routes,
        statistics::routes,
    ];
    subjects.into_iter().fold(routes, |routes, subject| subject(routes))
}

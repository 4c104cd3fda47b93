//! The one way to add a route: with who may use it, and what it counts against.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};

use super::access::Access;
use super::answer::pass_over;
use super::limits;
pub(super) use super::rate::Rate;
use crate::shared::Shared;

/// A table of routes. A handler is called when the request is within its rate and its sender has access, so that it needs
/// to ask for neither.
pub(super) struct Routes {
    router: Router<Arc<Shared>>,
    shared: Arc<Shared>,
    /// Each route, for the tests that go through all of them.
    #[cfg(test)]
    pub(super) listed: Vec<(MethodFilter, String, Rate)>,
}

impl Routes {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            router: Router::new(),
            shared: shared.clone(),
            #[cfg(test)]
            listed: Vec::new(),
        }
    }

    /// Adds `GET` of a path. HEAD is refused before it gets here.
    pub(super) fn get<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &str,
        access: Access,
        rate: Rate,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::GET, path, Guard::new(access, rate), handler)
    }

    /// Adds `PUT` of a path.
    pub(super) fn put<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &str,
        access: Access,
        rate: Rate,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::PUT, path, Guard::new(access, rate), handler)
    }

    /// Adds `POST` of a path.
    pub(super) fn post<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &str,
        access: Access,
        rate: Rate,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::POST, path, Guard::new(access, rate), handler)
    }

    /// Adds `PATCH` of a path.
    pub(super) fn patch<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &str,
        access: Access,
        rate: Rate,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::PATCH, path, Guard::new(access, rate), handler)
    }

    /// Adds `DELETE` of a path.
    pub(super) fn delete<H: Handler<T, Arc<Shared>>, T: 'static>(
        self,
        path: &str,
        access: Access,
        rate: Rate,
        handler: H,
    ) -> Self {
        self.on(MethodFilter::DELETE, path, Guard::new(access, rate), handler)
    }

    fn on<H: Handler<T, Arc<Shared>>, T: 'static>(
        mut self,
        method: MethodFilter,
        path: &str,
        guard: Guard,
        handler: H,
    ) -> Self {
        #[cfg(test)]
        self.listed.push((method, path.to_owned(), guard.rate));
        let guarded = from_fn_with_state((self.shared.clone(), guard), Guard::pass);
        self.router = self.router.route(path, on(method, handler).route_layer(guarded));
        self
    }

    /// Adds the routes of another table, whose handlers get a value of their own.
    pub(super) fn with<T: Clone + Send + Sync + 'static>(mut self, value: T, others: Self) -> Self {
        #[cfg(test)]
        self.listed.extend(others.listed);
        self.router = self.router.merge(others.router.layer(Extension(value)));
        self
    }

    pub(super) fn into_router(self) -> Router<Arc<Shared>> {
        self.router
    }
}

/// What stands before a handler.
#[derive(Clone, Copy)]
struct Guard {
    access: Access,
    rate: Rate,
}

impl Guard {
    fn new(access: Access, rate: Rate) -> Self {
        Self { access, rate }
    }

    async fn pass(
        State((shared, guard)): State<(Arc<Shared>, Self)>,
        request: Request,
        next: Next,
    ) -> Response {
        let asked = shared.clone();
        let handle = |request: Request| async move {
            let (mut parts, body) = request.into_parts();
            match guard.access.check(&asked, &mut parts) {
                Ok(()) => next.run(Request::from_parts(parts, body)).await,
                Err(refusal) => {
                    // No stranger's body is read.
                    pass_over(body).await;
                    refusal.into_response()
                }
            }
        };
        if shared.throttle.is_on() {
            limits::throttle(&shared, guard.rate, request, handle).await
        } else {
            handle(request).await
        }
    }
}

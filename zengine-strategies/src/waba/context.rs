//! The part that the contexts of all calls have in common.

use std::time::{Duration, SystemTime};

use zengine_connector::{EventContext, HealthContext, SendContext, TenantId, strategy::Sessions};

/// Time and state of one call.
pub(crate) trait CallContext: Send + Sync {
    fn tenant(&self) -> &TenantId;
    fn now(&self) -> SystemTime;
    fn remaining(&self) -> Duration;
    fn sessions(&self) -> &Sessions;
}

macro_rules! contexts {
    ($($name:ident),*) => {$(
        impl CallContext for $name {
            fn tenant(&self) -> &TenantId {
                $name::tenant(self)
            }

            fn now(&self) -> SystemTime {
                $name::now(self)
            }

            fn remaining(&self) -> Duration {
                $name::remaining(self)
            }

            fn sessions(&self) -> &Sessions {
                $name::sessions(self)
            }
        }
    )*};
}

contexts!(SendContext, EventContext, HealthContext);

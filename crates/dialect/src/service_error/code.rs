//! The service's error codes (IoT Hub docs, "Understand and resolve error codes").

/// Error codes by name. The first three digits are the status.
#[derive(Clone, Copy, Debug)]
pub struct ErrorCode;

macro_rules! error_codes {
    ($($constant:ident = $code:literal $name:literal,)*) => {
        impl ErrorCode {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: u32 = $code;)*

            /// The name the service gives a code.
            pub fn name(code: u32) -> Option<&'static str> {
                match code {
                    $($code => Some($name),)*
                    _ => None,
                }
            }

            /// The code of a name.
            pub fn from_name(name: &str) -> Option<u32> {
                match name {
                    $($name => Some($code),)*
                    _ => None,
                }
            }
        }
    };
}

error_codes! {
    INVALID_PROTOCOL_VERSION = 400_001 "InvalidProtocolVersion",
    ARGUMENT_INVALID = 400_004 "ArgumentInvalid",
    FORMAT_ERROR = 400_006 "IotHubFormatError",
    CONNECTION_REPLACED = 400_027 "ConnectionForcefullyClosedOnNewConnection",
    INVALID_TARGET_CONDITION = 400_401 "InvalidConfigurationTargetCondition",
    INVALID_CONFIGURATION_CONTENT = 400_402 "InvalidConfigurationContent",
    HUB_NOT_FOUND = 401_001 "IotHubNotFound",
    UNAUTHORIZED_ACCESS = 401_002 "IotHubUnauthorizedAccess",
    UNAUTHORIZED = 401_003 "IotHubUnauthorized",
    QUOTA_EXCEEDED = 403_002 "IotHubQuotaExceeded",
    JOB_QUOTA_EXCEEDED = 403_003 "JobQuotaExceeded",
    QUEUE_DEPTH_EXCEEDED = 403_004 "DeviceMaximumQueueDepthExceeded",
    FILE_UPLOAD_LIMIT_EXCEEDED = 403_006 "DeviceMaximumActiveFileUploadLimitExceeded",
    NOT_AVAILABLE_IN_TIER = 403_010 "OperationNotAvailableInCurrentTier",
    DEVICE_DISABLED = 403_012 "DeviceDisabled",
    INFLIGHT_METHODS_EXCEEDED = 403_800 "DeviceMaximumInflightMethodExceeded",
    DEVICE_NOT_FOUND = 404_001 "DeviceNotFound",
    JOB_NOT_FOUND = 404_002 "JobNotFound",
    MODULE_NOT_FOUND = 404_010 "ModuleNotFound",
    DEVICE_NOT_ONLINE = 404_103 "DeviceNotOnline",
    CONNECTION_CLOSED_REMOTELY = 404_104 "DeviceConnectionClosedRemotely",
    CONFIGURATION_NOT_FOUND = 404_301 "ConfigurationNotFound",
    NOT_ALLOWED_IN_STATE = 405_102 "OperationNotAllowedInCurrentState",
    DEVICE_ALREADY_EXISTS = 409_001 "DeviceAlreadyExists",
    LINK_CREATION_CONFLICT = 409_002 "LinkCreationConflict",
    JOB_ALREADY_EXISTS = 409_104 "JobAlreadyExists",
    MODULE_ALREADY_EXISTS = 409_301 "ModuleAlreadyExistsOnDevice",
    CONFIGURATION_ALREADY_EXISTS = 409_401 "ConfigurationAlreadyExists",
    PRECONDITION_FAILED = 412_001 "PreconditionFailed",
    MESSAGE_LOCK_LOST = 412_002 "DeviceMessageLockLost",
    MESSAGE_TOO_LARGE = 413_001 "MessageTooLarge",
    TOO_MANY_DEVICES = 413_002 "TooManyDevices",
    TOO_MANY_MODULES = 413_003 "TooManyModulesOnDevice",
    TOO_MANY_CONFIGURATIONS = 413_101 "ConfigurationCountLimitExceeded",
    TOO_MANY_REQUESTS = 429_000 "GenericTooManyRequests",
    THROTTLING = 429_001 "ThrottlingException",
    THROTTLE_BACKLOG_EXCEEDED = 429_002 "ThrottleBacklogLimitExceeded",
    THROTTLING_BACKLOG_TIMEOUT = 429_003 "ThrottlingBacklogTimeout",
    TOO_MANY_ACTIVE_JOBS = 429_004 "ThrottlingMaxActiveJobCountExceeded",
    DEVICE_THROTTLED = 429_005 "DeviceThrottlingLimitExceeded",
    SERVER_ERROR = 500_001 "ServerError",
    TIMEOUT = 500_008 "GenericTimeout",
    SERVICE_UNAVAILABLE = 503_001 "ServiceUnavailable",
    SERVER_BUSY = 503_005 "ServerBusy",
    GATEWAY_TIMEOUT = 504_101 "GatewayTimeout",
}

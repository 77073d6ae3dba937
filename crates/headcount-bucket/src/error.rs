//! What can go wrong with a bucket, and what to do about it.

use std::error::Error as _;
use std::fmt;
use std::io;

use crate::address::Provider;

/// An operation on a bucket that failed.
#[derive(Debug)]
pub struct BucketError {
    /// The address of the bucket or object.
    pub address: String,
    /// What kind of problem it is.
    pub problem: Problem,
    provider: Provider,
    source: object_store::Error,
}

/// The kinds of problems that somebody can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The environment names no credentials.
    NoCredentials,
    /// The credentials are unknown, expired, or the signature that was made with them does not match.
    BadCredentials,
    /// The credentials do not allow the operation.
    Denied,
    /// There is no such bucket.
    NoBucket,
    /// The bucket is in another region.
    WrongRegion,
    /// Nobody answers at the endpoint, or not in time.
    Unreachable,
    /// The store cannot make an object only where there is none.
    Unconditional,
    /// A variable of the environment has a value that cannot be.
    Configuration,
    /// The store fails, and may work later.
    Failing,
    /// There is no such object.
    NoObject,
    /// Another one.
    Other,
}

impl BucketError {
    pub(crate) fn new(address: String, provider: Provider, source: object_store::Error) -> Self {
        Self {
            problem: problem_of(&source),
            address,
            provider,
            source,
        }
    }

    pub(crate) fn of_kind(
        address: String,
        provider: Provider,
        problem: Problem,
        text: &'static str,
    ) -> Self {
        let source = object_store::Error::Generic {
            store: provider.scheme(),
            source: text.into(),
        };
        Self {
            problem,
            ..Self::new(address, provider, source)
        }
    }

    /// The same problem, of which `problem` is known.
    pub(crate) fn with(self, problem: Problem) -> Self {
        Self { problem, ..self }
    }

    fn advice(&self) -> String {
        let (credentials, endpoint) = match self.provider {
            Provider::S3 => (
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                "AWS_ENDPOINT_URL",
            ),
            Provider::Google => (
                "GOOGLE_SERVICE_ACCOUNT, the path of a service account's key",
                "GOOGLE_BASE_URL",
            ),
            Provider::Azure => (
                "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
                "AZURE_STORAGE_ENDPOINT",
            ),
        };
        match self.problem {
            Problem::NoCredentials => {
                format!("there are no credentials: set {credentials}, or run where the machine has a role")
            }
            Problem::BadCredentials => {
                format!("the credentials were refused: check {credentials}, and the machine's clock")
            }
            Problem::Denied => {
                "access is denied: allow these credentials to read, write, list and delete below this address".to_owned()
            }
            Problem::NoBucket => {
                "there is no such bucket: create it first, or correct its name and the endpoint".to_owned()
            }
            Problem::WrongRegion => {
                "the bucket is in another region: set AWS_REGION to the bucket's".to_owned()
            }
            Problem::Unreachable => {
                format!("the store does not answer: check the network and {endpoint}, then try again")
            }
            Problem::Unconditional => {
                "the store does not honour If-None-Match, so two writers could replace each other's files: use one that does, or a folder"
                    .to_owned()
            }
            Problem::Configuration => {
                "the environment does not describe a store that can be reached: correct the variable".to_owned()
            }
            Problem::Failing => "the store fails; try again later".to_owned(),
            Problem::NoObject => "there is no such object".to_owned(),
            Problem::Other => "the store refused".to_owned(),
        }
    }
}

impl fmt::Display for BucketError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.address, self.advice())
    }
}

impl std::error::Error for BucketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<BucketError> for io::Error {
    fn from(error: BucketError) -> Self {
        let kind = match error.problem {
            Problem::NoObject => io::ErrorKind::NotFound,
            Problem::NoCredentials | Problem::BadCredentials | Problem::Denied => {
                io::ErrorKind::PermissionDenied
            }
            Problem::Unreachable => io::ErrorKind::NotConnected,
            Problem::Configuration => io::ErrorKind::InvalidInput,
            Problem::Unconditional => io::ErrorKind::Unsupported,
            Problem::NoBucket | Problem::WrongRegion | Problem::Failing | Problem::Other => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, error)
    }
}

/// Texts of an error and its causes that tell the problem: codes of S3's protocol, then those of the others and of HTTP clients.
const TELLING: [(&str, Problem); 22] = [
    ("NoSuchBucket", Problem::NoBucket),
    ("The specified bucket does not exist", Problem::NoBucket),
    ("ContainerNotFound", Problem::NoBucket),
    ("InvalidAccessKeyId", Problem::BadCredentials),
    ("SignatureDoesNotMatch", Problem::BadCredentials),
    ("provided access key", Problem::BadCredentials),
    ("ExpiredToken", Problem::BadCredentials),
    ("InvalidToken", Problem::BadCredentials),
    ("RequestTimeTooSkewed", Problem::BadCredentials),
    ("AuthenticationFailed", Problem::BadCredentials),
    ("invalid_grant", Problem::BadCredentials),
    ("AuthorizationHeaderMalformed", Problem::WrongRegion),
    ("PermanentRedirect", Problem::WrongRegion),
    ("Received redirect without LOCATION", Problem::WrongRegion),
    ("IllegalLocationConstraint", Problem::WrongRegion),
    ("AccessDenied", Problem::Denied),
    ("AuthorizationPermissionMismatch", Problem::Denied),
    ("NotImplemented", Problem::Unconditional),
    ("169.254.169.254", Problem::NoCredentials),
    ("metadata.google.internal", Problem::NoCredentials),
    ("Error performing token request", Problem::NoCredentials),
    ("HTTP error: ", Problem::Unreachable),
];

fn problem_of(error: &object_store::Error) -> Problem {
    use object_store::Error as Store;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let telling = TELLING.iter().find(|(part, _)| text.contains(part));
    match (telling, error) {
        (Some((_, problem)), _) => *problem,
        (None, Store::NotFound { .. }) => Problem::NoObject,
        (None, Store::PermissionDenied { .. }) => Problem::Denied,
        (None, Store::Unauthenticated { .. }) => Problem::BadCredentials,
        (None, Store::UnknownConfigurationKey { .. }) => Problem::Configuration,
        (None, Store::NotImplemented { .. } | Store::NotSupported { .. }) => Problem::Unconditional,
        (None, Store::Generic { .. }) if text.contains("status code: 4") => Problem::Other,
        (None, Store::Generic { .. }) => Problem::Failing,
        (None, _) => Problem::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> BucketError {
        let source = object_store::Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        };
        BucketError::new("s3://backups/x".to_owned(), Provider::S3, source)
    }

    #[test]
    fn an_error_names_the_object_and_the_next_step() {
        for (text, problem, advice) in [
            (
                "<Code>NoSuchBucket</Code>",
                Problem::NoBucket,
                "create it first",
            ),
            (
                "<Code>SignatureDoesNotMatch</Code>",
                Problem::BadCredentials,
                "AWS_SECRET_ACCESS_KEY",
            ),
            (
                "<Code>AccessDenied</Code>",
                Problem::Denied,
                "allow these credentials",
            ),
            (
                "Received redirect without LOCATION",
                Problem::WrongRegion,
                "set AWS_REGION",
            ),
            (
                "HTTP error: error sending request",
                Problem::Unreachable,
                "AWS_ENDPOINT_URL",
            ),
            (
                "status code: 503 Service Unavailable",
                Problem::Failing,
                "try again later",
            ),
            ("status code: 418 I'm a teapot", Problem::Other, "refused"),
        ] {
            let error = of(text);
            assert_eq!(error.problem, problem, "{text}");
            let said = error.to_string();
            assert!(
                said.starts_with("s3://backups/x: ") && said.contains(advice),
                "{said}"
            );
        }
    }

    #[test]
    fn each_provider_has_its_own_variables() {
        for (provider, variable) in [
            (Provider::S3, "AWS_ACCESS_KEY_ID"),
            (Provider::Google, "GOOGLE_SERVICE_ACCOUNT"),
            (Provider::Azure, "AZURE_STORAGE_ACCOUNT_KEY"),
        ] {
            let address = "the address".to_owned();
            let error = BucketError::of_kind(address, provider, Problem::NoCredentials, "none");
            assert!(error.to_string().contains(variable), "{error}");
        }
    }
}

//! Opens a bucket as its provider wants it, with what the environment says of credentials and endpoints.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use crate::address::{BucketAddress, Provider};
use crate::error::{BucketError, Problem};

/// The time for one request, with its body: a part of 8 MiB takes it at 0.6 Mbit/s.
const REQUEST: &str = "120 s";
/// Where machines of Amazon ask for the credentials of their role.
const METADATA: &str = "http://169.254.169.254";
/// That answers within milliseconds where it exists.
const METADATA_ANSWERS: Duration = Duration::from_secs(2);

/// Opens the bucket. Nothing is sent to it yet.
///
/// # Errors
///
/// The environment names no credentials, or does not describe a store.
pub(crate) fn open(address: &BucketAddress) -> Result<Arc<dyn ObjectStore>, BucketError> {
    let failed = |error| {
        BucketError::new(address.to_string(), address.provider, error).with(Problem::Configuration)
    };
    match address.provider {
        Provider::S3 => {
            let builder = AmazonS3Builder::from_env();
            if !may_have_credentials(&builder) {
                return Err(BucketError::of_kind(
                    address.to_string(),
                    address.provider,
                    Problem::NoCredentials,
                    "neither the environment nor the machine's metadata service has any",
                ));
            }
            Ok(Arc::new(amazon(builder, address).map_err(failed)?))
        }
        Provider::Google => {
            let builder = GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&address.bucket)
                .with_retry(retries());
            Ok(Arc::new(builder.build().map_err(failed)?))
        }
        Provider::Azure => {
            let builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(&address.bucket)
                .with_retry(retries());
            Ok(Arc::new(builder.build().map_err(failed)?))
        }
    }
}

fn amazon(
    builder: AmazonS3Builder,
    address: &BucketAddress,
) -> Result<AmazonS3, object_store::Error> {
    let value = |key| builder.get_config_value(&key);
    let endpoint = value(AmazonS3ConfigKey::S3Endpoint).or(value(AmazonS3ConfigKey::Endpoint));
    // Somebody who writes http:// means it.
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    let has_timeout = std::env::var_os("AWS_TIMEOUT").is_some();
    let mut builder = builder
        .with_bucket_name(&address.bucket)
        .with_retry(retries());
    if is_plain {
        builder = builder.with_allow_http(true);
    }
    if !has_timeout {
        builder = builder.with_config(timeout, REQUEST);
    }
    builder.build()
}

/// Whether there may be credentials: without this, the absence of any shows after minutes of attempts to reach a service that only
/// machines of Amazon have.
fn may_have_credentials(builder: &AmazonS3Builder) -> bool {
    const NAMED: [AmazonS3ConfigKey; 5] = [
        AmazonS3ConfigKey::AccessKeyId,
        AmazonS3ConfigKey::SecretAccessKey,
        AmazonS3ConfigKey::WebIdentityTokenFile,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
    ];
    let skips = builder.get_config_value(&AmazonS3ConfigKey::SkipSignature);
    let is_named = |key| builder.get_config_value(key).is_some();
    skips.is_some_and(|skips| skips == "true") || NAMED.iter().any(is_named) || {
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::MetadataEndpoint);
        answers(endpoint.as_deref().unwrap_or(METADATA))
    }
}

/// Whether somebody listens at this URL.
fn answers(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:80"),
    };
    let Ok(mut addresses) = host.to_socket_addrs() else {
        return false;
    };
    addresses.any(|address| TcpStream::connect_timeout(&address, METADATA_ANSWERS).is_ok())
}

/// Short failures are waited for within a request; [`crate::Bucket`] repeats whole operations.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_secs(120),
    }
}

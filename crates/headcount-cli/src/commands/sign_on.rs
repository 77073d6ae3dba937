//! The options of `headcount serve` for an identity provider.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use headcount_commands::exit;
use headcount_oidc::{RoleRule, SignOn, SignOnOptions};

use crate::connection::trusting;

/// The identity provider that signs people on at the dashboard.
#[derive(Debug, Args)]
pub(crate) struct SignOnArgs {
    /// An OpenID Connect provider whose people sign in at the dashboard, as it calls itself: the `issuer` of its description. Tokens work beside it
    #[arg(
        long,
        value_name = "URL",
        requires = "oidc_client_id",
        conflicts_with = "no_token"
    )]
    oidc_issuer: Option<String>,
    /// The collector's name at the provider. Register there the address of the dashboard, followed by /login/oidc/callback
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// The file with the collector's secret at the provider; without it, PKCE alone
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Who gets a role, such as groups=statistics:viewer or email=@example.com:viewer; may be repeated, the highest counts. Without any, nobody has one
    #[arg(long, value_name = "CLAIM=VALUE:ROLE", requires = "oidc_issuer")]
    oidc_role: Vec<RoleRule>,
    /// A further scope to ask the provider for, beside openid, email and profile, where it states groups only with one; may be repeated
    #[arg(long, value_name = "SCOPE", requires = "oidc_issuer")]
    oidc_scope: Vec<String>,
    /// The authorities to trust for the provider, in PEM, instead of the public ones
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_ca_file: Option<PathBuf>,
}

impl SignOnArgs {
    /// The provider, if one is wanted. It is not asked anything yet.
    ///
    /// # Errors
    /// The issuer is no https address, or a file cannot be read.
    pub(crate) fn sign_on(&self) -> anyhow::Result<Option<SignOn>> {
        // The command line ensures that there are both or none.
        let Some((issuer, client_id)) = self.oidc_issuer.clone().zip(self.oidc_client_id.clone())
        else {
            return Ok(None);
        };
        let secret = self.oidc_client_secret_file.as_deref().map(read_secret);
        let tls = self.oidc_ca_file.as_deref().map(trusting);
        let sign_on = SignOn::new(SignOnOptions {
            issuer,
            client_id,
            client_secret: secret.transpose()?,
            scopes: self.oidc_scope.clone(),
            rules: self.oidc_role.clone(),
            tls: tls.transpose()?,
        });
        let sign_on = sign_on.map_err(|error| exit::usage(format!("--oidc-issuer: {error}")))?;
        Ok(Some(sign_on))
    }
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read the secret of --oidc-client-secret-file in {shown}")
    })?;
    let secret = text.trim();
    anyhow::ensure!(
        !secret.is_empty(),
        "{shown} is empty; it must hold the collector's secret at the identity provider"
    );
    Ok(secret.to_owned())
}

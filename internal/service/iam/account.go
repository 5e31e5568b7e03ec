package iam

import (
	"context"

	"gatehouse/internal/api/iam"
	"gatehouse/internal/store"
)

// Quotas of an account (IAM user guide, "IAM and AWS STS quotas"). They are
// told; only those of policies and keys are held.
const (
	maxGroupsPerUser = 10
	maxUsers         = 5000
	maxGroups        = 300
	maxRoles         = 1000
	maxPolicies      = 1500
)

// GetAccountSummary counts what is in the account, beside its quotas.
func (s *Service) GetAccountSummary(ctx context.Context, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	m := map[string]int{
		"UsersQuota": maxUsers, "GroupsQuota": maxGroups, "RolesQuota": maxRoles, "PoliciesQuota": maxPolicies,
		"GroupsPerUserQuota": maxGroupsPerUser, "AccessKeysPerUserQuota": maxAccessKeys,
		"UserPolicySizeQuota": maxInline[store.IAMUser], "GroupPolicySizeQuota": maxInline[store.IAMGroup], "RolePolicySizeQuota": maxInline[store.IAMRole],
		"AssumeRolePolicySizeQuota": maxTrust, "PolicySizeQuota": maxManaged, "VersionsPerPolicyQuota": maxVersions,
		"AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerGroupQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached,
		"AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0, "MFADevices": 0, "MFADevicesInUse": 0,
		"ServerCertificates": 0, "InstanceProfiles": 0,
	}
	err := s.DB.Read(ctx, func(tx *store.Tx) (err error) {
		for name, kind := range map[string]string{"Users": store.IAMUser, "Groups": store.IAMGroup, "Roles": store.IAMRole} {
			if m[name], err = store.CountIAM(tx, kind); err != nil {
				return err
			}
		}
		if m["Policies"], m["PolicyVersionsInUse"], err = store.CountIAMPolicies(tx); err != nil {
			return err
		}
		providers, err := store.IAMOIDCProviders(tx, maxOIDCProviders)
		if err != nil {
			return err
		}
		saml, err := store.IAMSAMLProviders(tx, maxSAMLProviders)
		if err != nil {
			return err
		}
		m["Providers"] = len(providers) + len(saml)
		keys, err := store.IAMAccessKeys(tx, store.RootOwner)
		m["AccountAccessKeysPresent"] = min(len(keys), 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: m}, nil
}

package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"aws-credproc/internal/printable"
)

// Role is a role that a signed-in user can get in an account.
type Role struct{ AccountID, AccountName, Name string }

// Limits of what the portal may return.
const (
	maxAccounts = 10_000
	maxRoles    = 50_000
	maxName     = 128 // bytes of an account's or role's name
	pageSize    = 100
)

// moreAttempts is for lists: the portal throttles those who list many accounts.
func moreAttempts(o *sso.Options) { o.RetryMaxAttempts = max(o.RetryMaxAttempts, 10) }

// logoutLimit limits Logout. The token is deleted in any case.
const logoutLimit = 10 * time.Second

// Roles returns the roles of all accounts in the order of the accounts' names. It calls progress
// with the number of accounts that were listed, and of all.
func (c *Client) Roles(
	ctx context.Context, accessToken string, progress func(done, all int),
) ([]Role, error) {
	accounts, err := c.accounts(ctx, accessToken)
	if err != nil {
		return nil, err
	}
	var roles []Role
	for i, account := range accounts {
		progress(i, len(accounts))
		names, err := c.rolesOf(ctx, accessToken, account.AccountID)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			roles = append(roles, Role{account.AccountID, account.AccountName, name})
		}
		if len(roles) > maxRoles {
			return nil, fmt.Errorf("more than %d roles", maxRoles)
		}
	}
	return roles, nil
}

// accounts returns the accounts of the user as roles without a name.
func (c *Client) accounts(ctx context.Context, accessToken string) (list []Role, err error) {
	pages := sso.NewListAccountsPaginator(c.Portal, &sso.ListAccountsInput{
		AccessToken: &accessToken, MaxResults: aws.Int32(pageSize),
	}, func(o *sso.ListAccountsPaginatorOptions) { o.StopOnDuplicateToken = true })
	var options []func(*sso.Options) // none for the first call: a portal may be unreachable
	for n := 0; pages.HasMorePages(); n++ {
		page, cancel := context.WithTimeout(ctx, c.Limit)
		out, err := pages.NextPage(page, options...)
		options = []func(*sso.Options){moreAttempts}
		cancel()
		if err != nil {
			return nil, err
		}
		for _, a := range out.AccountList {
			id := aws.ToString(a.AccountId)
			if len(id) != 12 || strings.Trim(id, "0123456789") != "" {
				return nil, errors.New("the response has an invalid account ID")
			}
			list = append(list, Role{id, printable.Clean(aws.ToString(a.AccountName), maxName), ""})
		}
		if len(list) > maxAccounts || n > maxAccounts {
			return nil, fmt.Errorf("more than %d accounts", maxAccounts)
		}
	}
	slices.SortFunc(list, func(a, b Role) int {
		if n := strings.Compare(a.AccountName, b.AccountName); n != 0 {
			return n
		}
		return strings.Compare(a.AccountID, b.AccountID)
	})
	return slices.Compact(list), nil
}

// rolesOf returns the names of the user's roles in an account.
func (c *Client) rolesOf(
	ctx context.Context, accessToken, account string,
) (list []string, err error) {
	pages := sso.NewListAccountRolesPaginator(c.Portal, &sso.ListAccountRolesInput{
		AccessToken: &accessToken, AccountId: &account, MaxResults: aws.Int32(pageSize),
	}, func(o *sso.ListAccountRolesPaginatorOptions) { o.StopOnDuplicateToken = true })
	for n := 0; pages.HasMorePages(); n++ {
		page, cancel := context.WithTimeout(ctx, c.Limit)
		out, err := pages.NextPage(page, moreAttempts)
		cancel()
		if err != nil {
			return nil, err
		}
		for _, r := range out.RoleList {
			name := aws.ToString(r.RoleName)
			if !isRoleName(name) {
				return nil, errors.New("the response has an invalid role name")
			}
			list = append(list, name)
		}
		if len(list) > maxRoles || n > maxRoles {
			return nil, fmt.Errorf("more than %d roles", maxRoles)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// isRoleName reports whether s can be the name of a permission set: [\w+=,.@-]{1,32}, here up to
// the length of an IAM role's name.
func isRoleName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		isWord := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !isWord && !strings.ContainsRune("_+=,.@-", r)
	})
}

// Logout ends the sign-in at the portal.
func (c *Client) Logout(ctx context.Context, accessToken string) error {
	ctx, cancel := context.WithTimeout(ctx, min(c.Limit, logoutLimit))
	defer cancel()
	_, err := c.Portal.Logout(ctx, &sso.LogoutInput{AccessToken: &accessToken})
	return err
}

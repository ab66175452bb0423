package credproc

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go"

	"aws-credproc/cache"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// AccessKeyInfo describes an access key of an IAM user, without its secret.
type AccessKeyInfo struct {
	ID      string
	Active  bool
	Created time.Time
}

// accessKeyUse is when and with what an access key was last used.
type accessKeyUse struct {
	date            time.Time // zero if it was never used
	service, region string
}

// The values of an access key's status.
const iamActive, iamInactive = "Active", "Inactive"

type accessKeyXML struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string
	CreateDate      string
}

// maxKeyPages limits the pages of a list of access keys. A user has two keys.
const maxKeyPages = 10

// listAccessKeys returns the access keys of a user, and the time of AWS's clock, zero if that is
// unknown.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
func (c *iamClient) listAccessKeys(
	ctx context.Context, user string,
) (keys []AccessKeyInfo, date time.Time, err error) {
	params := map[string]string{"UserName": user}
	for range maxKeyPages {
		var out struct {
			Keys        []accessKeyXML `xml:"ListAccessKeysResult>AccessKeyMetadata>member"`
			IsTruncated bool           `xml:"ListAccessKeysResult>IsTruncated"`
			Marker      string         `xml:"ListAccessKeysResult>Marker"`
		}
		if date, err = c.call(ctx, "ListAccessKeys", params, &out, true); err != nil {
			return nil, date, err
		}
		for _, k := range out.Keys {
			created, err := time.Parse(time.RFC3339, k.CreateDate)
			if err != nil || !isAccessKeyID(k.AccessKeyID) || k.UserName != user ||
				k.Status != iamActive && k.Status != iamInactive {
				return nil, date, errBadIAM{"a field of an access key is not valid"}
			}
			keys = append(keys, AccessKeyInfo{
				ID: k.AccessKeyID, Active: k.Status == iamActive, Created: created,
			})
		}
		if !out.IsTruncated {
			return keys, date, nil
		}
		params["Marker"] = out.Marker
	}
	return nil, date, errBadIAM{"the list of access keys does not end"}
}

// createAccessKey creates an access key of a user. It is not repeated after a failure that may have
// created one.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
func (c *iamClient) createAccessKey(
	ctx context.Context, user string,
) (profiles.AccessKey, error) {
	var out struct {
		Key accessKeyXML `xml:"CreateAccessKeyResult>AccessKey"`
	}
	params := map[string]string{"UserName": user}
	if _, err := c.call(ctx, "CreateAccessKey", params, &out, false); err != nil {
		return profiles.AccessKey{}, err
	}
	s := cache.Session{AccessKeyID: out.Key.AccessKeyID, SecretAccessKey: out.Key.SecretAccessKey}
	if out.Key.UserName != user || !isAccessKeyID(s.AccessKeyID) || malformed(s) != "" ||
		len(s.SecretAccessKey) > 128 {
		return profiles.AccessKey{}, errBadIAM{"a field of the new access key is not valid"}
	}
	return profiles.AccessKey{
		ID: s.AccessKeyID, Secret: profiles.Secret(s.SecretAccessKey),
	}, nil
}

// setAccessKeyStatus makes an access key active or inactive, if there is one with this ID.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
func (c *iamClient) setAccessKeyStatus(ctx context.Context, user, id, status string) error {
	params := map[string]string{"UserName": user, "AccessKeyId": id, "Status": status}
	_, err := c.call(ctx, "UpdateAccessKey", params, &struct{}{}, true)
	if isMissing(err) {
		return nil
	}
	return err
}

// deleteAccessKey deletes an access key. If it was created some seconds ago, IAM may not know it
// yet: see [isMissing].
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html
func (c *iamClient) deleteAccessKey(ctx context.Context, user, id string) error {
	params := map[string]string{"UserName": user, "AccessKeyId": id}
	_, err := c.call(ctx, "DeleteAccessKey", params, &struct{}{}, true)
	return err
}

// isMissing reports whether IAM does not know the access key: an earlier attempt, whose response was
// lost, has deleted it, or it is so new that not all of IAM's servers have it.
func isMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchEntity"
}

// lastUsed returns when an access key was last used.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
func (c *iamClient) lastUsed(ctx context.Context, id string) (accessKeyUse, error) {
	var out struct {
		Date    string `xml:"GetAccessKeyLastUsedResult>AccessKeyLastUsed>LastUsedDate"`
		Service string `xml:"GetAccessKeyLastUsedResult>AccessKeyLastUsed>ServiceName"`
		Region  string `xml:"GetAccessKeyLastUsedResult>AccessKeyLastUsed>Region"`
	}
	params := map[string]string{"AccessKeyId": id}
	if _, err := c.call(ctx, "GetAccessKeyLastUsed", params, &out, true); err != nil {
		return accessKeyUse{}, err
	}
	const longest = 64
	used := accessKeyUse{
		service: printable.Clean(out.Service, longest),
		region:  printable.Clean(out.Region, longest),
	}
	if out.Date == "" {
		return used, nil
	}
	var err error
	if used.date, err = time.Parse(time.RFC3339, out.Date); err != nil {
		return accessKeyUse{}, errBadIAM{"a date is not valid"}
	}
	return used, nil
}

// isAccessKeyID reports whether IAM may return s as an access key ID. A longer one could be a
// secret.
func isAccessKeyID(s string) bool {
	const longest = 32
	for _, r := range s {
		if !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_') {
			return false
		}
	}
	return s != "" && len(s) <= longest
}

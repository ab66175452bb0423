package credproc

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
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

// maxKeyPages limits the pages of a list of access keys. A user has two keys.
const maxKeyPages = 10

// listAccessKeys returns the access keys of a user, and the time of AWS's clock, zero if that is
// unknown.
func (c *iamClient) listAccessKeys(
	ctx context.Context, user string,
) (keys []AccessKeyInfo, date time.Time, err error) {
	in := &iam.ListAccessKeysInput{UserName: &user}
	for range maxKeyPages {
		out, err := callIAM(ctx, c, "ListAccessKeys", (*iam.Client).ListAccessKeys, in)
		if err != nil {
			return nil, date, err
		}
		for _, k := range out.AccessKeyMetadata {
			id, isActive := aws.ToString(k.AccessKeyId), k.Status == types.StatusTypeActive
			if k.CreateDate == nil || !isAccessKeyID(id) || aws.ToString(k.UserName) != user ||
				!isActive && k.Status != types.StatusTypeInactive {
				return nil, date, errBadAnswer{"a field of an access key is not valid"}
			}
			keys = append(keys, AccessKeyInfo{ID: id, Active: isActive, Created: *k.CreateDate})
		}
		if !out.IsTruncated {
			date, _ = awsmiddleware.GetServerTime(out.ResultMetadata)
			return keys, date, nil
		}
		in.Marker = out.Marker
	}
	return nil, date, errBadAnswer{"the list of access keys does not end"}
}

// createAccessKey creates an access key of a user. It is not repeated after a failure that may have
// created one.
func (c *iamClient) createAccessKey(
	ctx context.Context, user string,
) (profiles.AccessKey, error) {
	out, err := callIAM(ctx, c, "CreateAccessKey", (*iam.Client).CreateAccessKey,
		&iam.CreateAccessKeyInput{UserName: &user},
		func(o *iam.Options) { o.Retryer = refusedRetryer{o.Retryer.(aws.RetryerV2)} })
	if err != nil {
		return profiles.AccessKey{}, err
	}
	k := out.AccessKey
	if k == nil {
		k = &types.AccessKey{}
	}
	s := cache.Session{
		AccessKeyID: aws.ToString(k.AccessKeyId), SecretAccessKey: aws.ToString(k.SecretAccessKey),
	}
	if aws.ToString(k.UserName) != user || !isAccessKeyID(s.AccessKeyID) || malformed(s) != "" ||
		len(s.SecretAccessKey) > 128 {
		return profiles.AccessKey{}, errBadAnswer{"a field of the new access key is not valid"}
	}
	return profiles.AccessKey{
		ID: s.AccessKeyID, Secret: profiles.Secret(s.SecretAccessKey),
	}, nil
}

// refusedRetryer repeats only calls that IAM has not executed: it has throttled them, or has refused
// their signature, and the SDK has found that the clock was wrong.
type refusedRetryer struct{ aws.RetryerV2 }

func (r refusedRetryer) IsErrorRetryable(err error) bool {
	var api smithy.APIError
	return isThrottled(err) || errors.As(err, &api) && api.ErrorCode() == "SignatureDoesNotMatch" &&
		r.RetryerV2.IsErrorRetryable(err)
}

// setAccessKeyStatus makes an access key active or inactive, if there is one with this ID.
func (c *iamClient) setAccessKeyStatus(
	ctx context.Context, user, id string, status types.StatusType,
) error {
	_, err := callIAM(ctx, c, "UpdateAccessKey", (*iam.Client).UpdateAccessKey,
		&iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: &id, Status: status})
	if isMissing(err) {
		return nil
	}
	return err
}

// deleteAccessKey deletes an access key. If it was created some seconds ago, IAM may not know it
// yet: see [isMissing].
func (c *iamClient) deleteAccessKey(ctx context.Context, user, id string) error {
	_, err := callIAM(ctx, c, "DeleteAccessKey", (*iam.Client).DeleteAccessKey,
		&iam.DeleteAccessKeyInput{UserName: &user, AccessKeyId: &id})
	return err
}

// isMissing reports whether IAM does not know the access key: an earlier attempt, whose response was
// lost, has deleted it, or it is so new that not all of IAM's servers have it.
func isMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "NoSuchEntity"
}

// lastUsed returns when and with what service an access key was last used. The time is zero if it
// was never used.
func (c *iamClient) lastUsed(ctx context.Context, id string) (time.Time, string, error) {
	out, err := callIAM(ctx, c, "GetAccessKeyLastUsed", (*iam.Client).GetAccessKeyLastUsed,
		&iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	if err != nil {
		return time.Time{}, "", err
	}
	if out.AccessKeyLastUsed == nil {
		return time.Time{}, "", errBadAnswer{"no last use"}
	}
	used := *out.AccessKeyLastUsed
	return aws.ToTime(used.LastUsedDate), printable.Clean(aws.ToString(used.ServiceName), 64), nil
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

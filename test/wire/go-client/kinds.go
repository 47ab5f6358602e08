package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// everyKind reads manifests from standard input, and writes, reads, lists, patches and deletes each of them in protobuf. What comes back must be the
// same as what a client of JSON reads.
func everyKind(ctx context.Context, config *rest.Config, clients *kubernetes.Clientset) error {
	groups, err := restmapper.GetAPIGroupResources(clients.Discovery())
	if err != nil {
		return err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	input := yaml.NewYAMLReader(newReader(os.Stdin))
	for {
		text, err := input.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
		if runtime.IsNotRegisteredError(err) {
			// CustomResourceDefinition and APIService have clients of their own.
			fmt.Println("skipped", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return err
		}
		if err := oneKind(ctx, config, mapping, object); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		fmt.Println("did", kind.GroupVersion(), kind.Kind)
	}
}

func restClient(config *rest.Config, version schema.GroupVersion) (*rest.RESTClient, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &version
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.APIPath = "/apis"
	if version.Group == "" {
		config.APIPath = "/api"
	}
	return rest.RESTClientFor(config)
}

func oneKind(ctx context.Context, config *rest.Config, mapping *meta.RESTMapping, object runtime.Object) error {
	version := mapping.GroupVersionKind.GroupVersion()
	typed, err := restClient(config, version)
	if err != nil {
		return err
	}
	json, err := restClient(inJSON(config), version)
	if err != nil {
		return err
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	namespace, name, resource := accessor.GetNamespace(), accessor.GetName(), mapping.Resource.Resource
	scoped := namespace != ""
	created, err := typed.Post().NamespaceIfScoped(namespace, scoped).Resource(resource).Body(object).Do(ctx).Get()
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	at := func(request *rest.Request) *rest.Request {
		return request.NamespaceIfScoped(namespace, scoped).Resource(resource).Name(name)
	}
	read, err := at(json.Get()).Do(ctx).Get()
	if err != nil {
		return fmt.Errorf("get in JSON: %w", err)
	}
	if !same(created, read) {
		return fmt.Errorf("protobuf and JSON differ:\n%#v\n%#v", created, read)
	}
	if accessor, err = meta.Accessor(created); err != nil {
		return err
	}
	accessor.SetLabels(map[string]string{"set": "go"})
	updated, err := at(typed.Put()).Body(created).Do(ctx).Get()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	if _, err := at(typed.Put()).Body(created).Do(ctx).Get(); !apierrors.IsConflict(err) {
		return fmt.Errorf("a stale update is no conflict: %v", err)
	}
	list, err := typed.Get().NamespaceIfScoped(namespace, scoped).Resource(resource).
		VersionedParams(&metav1.ListOptions{LabelSelector: "set=go"}, scheme.ParameterCodec).Do(ctx).Get()
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	if len(items) != 1 || !same(items[0], updated) {
		return fmt.Errorf("the list shows not what was updated: %#v", items)
	}
	for _, kind := range []types.PatchType{types.StrategicMergePatchType, types.MergePatchType} {
		patch := []byte(fmt.Sprintf(`{"metadata":{"annotations":{"patch":%q}}}`, kind))
		if _, err := at(typed.Patch(kind)).Body(patch).Do(ctx).Get(); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if err := at(typed.Delete()).Body(&metav1.DeleteOptions{}).Do(ctx).Error(); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// same compares what two encodings made, but for the types that JSON repeats and protobuf leaves out.
func same(one, other runtime.Object) bool {
	one, other = one.DeepCopyObject(), other.DeepCopyObject()
	one.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	other.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	for _, object := range []runtime.Object{one, other} {
		if set, ok := object.(*appsv1.StatefulSet); ok {
			for i := range set.Spec.VolumeClaimTemplates {
				set.Spec.VolumeClaimTemplates[i].TypeMeta = metav1.TypeMeta{}
			}
		}
	}
	return equality.Semantic.DeepEqual(one, other)
}

"""Features of Gaussians: what methods ask of them (losses, sampling) and read off them (codes, labels, colours).

Public, by module:

- `clusters`: assigned, cluster_means, clusters_of_distances, density_clusters, DensityClusters, nearest_mean
- `code_objects`: CodeObjects, merged, read_objects
- `codes`: CodeBook, components_by_code
- `colours`: cluster_colours, likeness, likeness_colours, pca_colours
- `connected`: connected_to
- `heads`: cosine_rows, means_by_label, ObjectHead
- `label_maps`: boundary_band, LabelMap, paint, with_rest
- `mask_votes`: categories_of, elect, mask_distances
- `neighbours`: neighbour_loss, neighbour_pairs, sample_pairs, unit_length
- `prototypes`: ensemble, kmeans_centers, merge_alike, view_means
- `smoothing`: nearest_neighbours, neighbour_mean
- `view_classifiers`: classifier_loss, neighbour_divergence, probabilities
"""
